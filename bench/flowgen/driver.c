// net_flowgen: a virtual DPDK device that makes flows and counts what comes back.
//
// It loads into any dynamically linked DPDK 22.11 program with
//   -d /path/librte_net_flowgen.so --vdev net_flowgen0,flows=1000,...
// (our engine, Open vSwitch through other_config:dpdk-extra, testpmd).  Packets are written inside the core
// under test, so no second machine and no second core is needed, and a figure is comparable across programs.
//
// Receiving: every poll returns a full burst of freshly written packets, cycling over `flows` 5-tuples.
// Sending: counts, samples one packet in 2^16 into shared memory, frees.
// Counters and controls lie in /dev/shm/fg.<name> (shared.h).
//
// devargs, all optional:
//   flows=N                  flows in the table (1)
//   nsip,ndip,nsport,ndport  how flow i becomes a 5-tuple: mixed radix, source port fastest, then
//   destination,
//                            source, destination port (65536, 1, 32768, 1)
//   sip,dip,sport,dport      the first of each (10.0.0.1, 10.128.0.1, 1024, 9)
//   smac,dmac                12 hex digits; macip=1: 02:00:<ip> of the (inner) addresses
//   proto=udp|tcp  size=64 (bytes without FCS)  l4csum=0|1
//   dir=fwd|rev|sink         rev swaps source and destination of everything; sink never receives
//   order=gold|seq           order of the table: golden ratio (worst locality) or as counted
//   vni=N,osip,odip,osmac,odmac  in VXLAN; size is then the inner packet's
//   script=hs|rst|fin        TCP connections: SYN, SYN-ACK, ACK / then RST / then FIN, FIN-ACK, ACK; wants a
//   fwd
//                            and a rev device in one process
//   lag=N                    connections a step stays behind the step before it (128)
//   queues=N                 flow i belongs to queue i modulo N; 1: every queue goes over all flows
//   ring=N                   hold N packets back, as a NIC's descriptor ring does
//   depth=N                  with a rate: N descriptors; what is due and finds none is counted as missed
//   stamp=1                  UDP payload carries the time the packet was due, the sending side keeps a
//   histogram rss=0|1 csumok=0|1       set the mbuf's RSS hash and checksum-good flags as a NIC would
//   enable=0|1 count=N rate=N   initial state, packets until it stops, packets a second of a queue
#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>
#include <fcntl.h>
#include <rte_cycles.h>
#include <rte_kvargs.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"

static const struct rte_eth_link kLink = {
    .link_speed = RTE_ETH_SPEED_NUM_100G,
    .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
    .link_status = RTE_ETH_LINK_UP,
    .link_autoneg = RTE_ETH_LINK_FIXED,
};

static int configure(struct rte_eth_dev* dev) {
  (void)dev;
  return 0;
}

static int start(struct rte_eth_dev* dev) {
  dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
  for (uint16_t i = 0; i < dev->data->nb_rx_queues; ++i)
    dev->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
  for (uint16_t i = 0; i < dev->data->nb_tx_queues; ++i)
    dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
  return 0;
}

static int stop(struct rte_eth_dev* dev) {
  struct Device* const device = dev->data->dev_private;
  for (int i = 0; i < kMaxQueues; ++i) {  // the packets held back
    struct Queue* const queue = &device->receive[i];
    for (; queue->ring && queue->fill; --queue->fill)
      rte_pktmbuf_free(queue->ring[queue->head++ & (device->ring_size - 1)]);
  }
  dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
  return 0;
}

static int set_up_receive(struct rte_eth_dev* dev, uint16_t id, uint16_t descriptors, unsigned socket,
                          const struct rte_eth_rxconf* config, struct rte_mempool* pool) {
  (void)descriptors, (void)socket, (void)config;
  struct Device* const device = dev->data->dev_private;
  if (id >= kMaxQueues) return -EINVAL;
  struct Queue* const queue = &device->receive[id];
  queue->device = device;
  queue->pool = pool;
  queue->id = id;
  queue->stride = device->queues;
  queue->first = device->queues > 1 ? id % device->queues : 0;
  queue->at = device->queues > 1 ? queue->first : (uint32_t)((uint64_t)device->flow_count * id / kMaxQueues);
  if (device->ring_size && !queue->ring)
    queue->ring = rte_zmalloc(NULL, sizeof(void*) * device->ring_size, RTE_CACHE_LINE_SIZE);
  queue->head = queue->fill = 0;
  dev->data->rx_queues[id] = queue;
  return 0;
}

static int set_up_send(struct rte_eth_dev* dev, uint16_t id, uint16_t descriptors, unsigned socket,
                       const struct rte_eth_txconf* config) {
  (void)descriptors, (void)socket, (void)config;
  struct Device* const device = dev->data->dev_private;
  if (id >= kMaxQueues) return -EINVAL;
  device->send[id].device = device;
  device->send[id].id = id;
  dev->data->tx_queues[id] = &device->send[id];
  return 0;
}

static int describe(struct rte_eth_dev* dev, struct rte_eth_dev_info* info) {
  const struct Device* const device = dev->data->dev_private;
  info->max_mac_addrs = 1;
  info->max_rx_pktlen = 9018;
  info->min_rx_bufsize = 0;
  info->max_mtu = 9000;
  info->min_mtu = 68;
  info->max_rx_queues = kMaxQueues;
  info->max_tx_queues = kMaxQueues;
  info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
  if (device->checksums_good) {
    info->rx_offload_capa |=
        RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
  }
  if (device->rss) info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
  info->flow_type_rss_offloads = 0;
  return 0;
}

static int report(struct rte_eth_dev* dev, struct rte_eth_stats* stats) {
  const struct Shared* const shared = ((struct Device*)dev->data->dev_private)->shared;
  for (int i = 0; i < kMaxQueues; ++i) {
    stats->ipackets += shared->received[i].packets;
    stats->ibytes += shared->received[i].bytes;
    stats->opackets += shared->sent[i].packets;
    stats->obytes += shared->sent[i].bytes;
    stats->imissed += shared->received[i].missed;
    stats->rx_nombuf += shared->received[i].no_buffer;
  }
  return 0;
}

// Counters only grow, the MAC and the MTU mean nothing here, and every address is taken anyway.
static int accept_any(struct rte_eth_dev* dev) {
  (void)dev;
  return 0;
}
static int accept_link(struct rte_eth_dev* dev, int wait) {
  (void)dev, (void)wait;
  return 0;
}
static int accept_mtu(struct rte_eth_dev* dev, uint16_t mtu) {
  (void)dev, (void)mtu;
  return 0;
}
static int accept_mac(struct rte_eth_dev* dev, struct rte_ether_addr* mac) {
  (void)dev, (void)mac;
  return 0;
}

static int close_device(struct rte_eth_dev* dev) {
  struct Device* const device = dev->data->dev_private;
  if (rte_eal_process_type() != RTE_PROC_PRIMARY) return 0;
  dev->data->mac_addrs = NULL;
  if (device->flows) munmap(device->flows, (size_t)device->flow_count * sizeof(struct Flow));
  device->flows = NULL;
  if (device->shared) munmap(device->shared, sizeof *device->shared);
  device->shared = NULL;
  return 0;
}

static const struct eth_dev_ops kOperations = {
    .dev_configure = configure,
    .dev_start = start,
    .dev_stop = stop,
    .dev_close = close_device,
    .dev_infos_get = describe,
    .rx_queue_setup = set_up_receive,
    .tx_queue_setup = set_up_send,
    .link_update = accept_link,
    .stats_get = report,
    .stats_reset = accept_any,
    .promiscuous_enable = accept_any,
    .promiscuous_disable = accept_any,
    .allmulticast_enable = accept_any,
    .allmulticast_disable = accept_any,
    .mtu_set = accept_mtu,
    .mac_addr_set = accept_mac,
};

static uint64_t number(struct rte_kvargs* arguments, const char* key, uint64_t otherwise) {
  const char* const value = arguments ? rte_kvargs_get(arguments, key) : NULL;
  return value ? strtoull(value, NULL, 0) : otherwise;
}

static int share(struct Device* device, const char* name, struct rte_kvargs* arguments) {
  char path[128];
  snprintf(path, sizeof path, "/dev/shm/fg.%s", name);
  unlink(path);
  const int file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (file < 0) return -EIO;
  struct Shared* shared = MAP_FAILED;
  if (ftruncate(file, sizeof *shared) == 0)
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared == MAP_FAILED) return -ENOMEM;
  shared->enable = (uint32_t)number(arguments, "enable", 1);
  shared->active = shared->total = device->flow_count;
  shared->rate = number(arguments, "rate", 0);
  shared->left = number(arguments, "count", UINT64_MAX);
  shared->tsc_hz = device->tsc_hz;
  shared->magic = kMagic;
  device->shared = shared;
  return 0;
}

static int make(struct rte_vdev_device* vdev, struct rte_kvargs* arguments) {
  struct rte_eth_dev* const dev = rte_eth_vdev_allocate(vdev, sizeof(struct Device));
  if (!dev) return -ENOMEM;
  struct Device* const device = dev->data->dev_private;
  device->port = dev->data->port_id;
  device->tsc_hz = rte_get_tsc_hz();
  int error = device_configure(device, arguments);
  if (error == 0) error = share(device, rte_vdev_device_name(vdev), arguments);
  if (error != 0) {
    (void)close_device(dev);
    (void)rte_eth_dev_release_port(dev);
    return error;
  }
  memcpy(device->mac.addr_bytes, "\x02\xf6\x00\x00\x00", 5);
  device->mac.addr_bytes[5] = (uint8_t)(device->port + 1);
  dev->data->nb_rx_queues = dev->data->nb_tx_queues = 1;
  dev->data->dev_link = kLink;
  dev->data->mac_addrs = &device->mac;
  dev->data->promiscuous = dev->data->all_multicast = 1;
  dev->dev_ops = &kOperations;
  dev->rx_pkt_burst = generate;
  dev->tx_pkt_burst = count_sent;
  rte_eth_dev_probing_finish(dev);
  return 0;
}

static int probe(struct rte_vdev_device* vdev) {
  const char* const given = rte_vdev_device_args(vdev);
  struct rte_kvargs* arguments = NULL;
  if (given && *given) {
    arguments = rte_kvargs_parse(given, kArguments);
    if (!arguments) {
      fprintf(stderr, "flowgen: bad devargs %s\n", given);
      return -EINVAL;
    }
  }
  const int error = make(vdev, arguments);
  rte_kvargs_free(arguments);
  return error;
}

static int remove_device(struct rte_vdev_device* vdev) {
  struct rte_eth_dev* const dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
  if (!dev) return 0;
  (void)close_device(dev);
  return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver flowgen_driver = {.probe = probe, .remove = remove_device};
RTE_PMD_REGISTER_VDEV(net_flowgen, flowgen_driver);
