#include "engine/ports.h"

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "engine/tap.h"

namespace outrigger::engine {

namespace {

constexpr uint16_t kDescriptors = 1024;
// A tap fills its whole ring with buffers at once, and the kernel queues in front of it: forty of them must
// not take the pool that traffic lives on.
constexpr uint16_t kTapDescriptors = 128;

absl::Status fault(const std::string& device, const char* step, int error) {
  return absl::UnavailableError(absl::StrCat("port \"", device, "\": ", step, ": ", rte_strerror(-error)));
}

bool is_wanted(const AttachedPort& port, const std::vector<PortRequest>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const PortRequest& request) {
    return request.id == port.id && request.device == port.device;
  });
}

void set_mtu(const AttachedPort& port) {
  if (is_tap(port.device)) return set_tap_mtu(port.device, port.mtu);
  if (!port.probe) (void)rte_eth_dev_set_mtu(port.number, port.mtu);
}

}  // namespace

LocalPorts::~LocalPorts() {
  for (const auto& [id, port] : ports_) close(port);
}

absl::Status LocalPorts::attach(const std::vector<PortRequest>& wanted) {
  std::vector<uint16_t> added;
  for (const PortRequest& request : wanted) {
    const auto known = ports_.find(request.id.value());
    if (known != ports_.end() && known->second.device == request.device) {
      known->second.mtu = request.mtu;
      set_mtu(known->second);
      continue;
    }
    auto port = known != ports_.end()
                    ? absl::StatusOr<AttachedPort>(absl::FailedPreconditionError(absl::StrCat(
                          "port ", request.id.value(), " is still \"", known->second.device, "\"")))
                    : open(request);
    if (!port.ok()) {
      for (const uint16_t id : added) {
        close(ports_.at(id));
        ports_.erase(id);
      }
      return port.status();
    }
    ports_.emplace(request.id.value(), *std::move(port));
    added.push_back(request.id.value());
  }
  return absl::OkStatus();
}

void LocalPorts::prune(const std::vector<PortRequest>& wanted) {
  for (auto at = ports_.begin(); at != ports_.end();) {
    if (is_wanted(at->second, wanted)) {
      ++at;
      continue;
    }
    close(at->second);
    at = ports_.erase(at);
  }
}

void LocalPorts::restore(const std::vector<PortRequest>& wanted) {
  (void)attach(wanted);  // all of them are: only an MTU may differ
  prune(wanted);
}

absl::Status LocalPorts::prepare() {
  uint16_t number = 0;
  RTE_ETH_FOREACH_DEV(number) {
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    (void)rte_eth_dev_get_name_by_port(number, name.data());
    AttachedPort port{.device = name.data(), .mtu = RTE_ETHER_MTU, .number = number};
    if (absl::Status status = configure(port); !status.ok()) return status;
    prepared_[number] = port.queues;
  }
  return absl::OkStatus();
}

bool LocalPorts::in_use(uint16_t number) const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [&](const auto& entry) { return entry.second.number == number && number != kNoDevice; });
}

absl::StatusOr<AttachedPort> LocalPorts::open(const PortRequest& request) {
  if (request.device != "probe" && !is_tap(request.device)) return open_device(request);
  AttachedPort port{.id = request.id, .device = request.device, .mtu = request.mtu, .ours = true};
  port.probe = request.device == "probe";
  if (port.probe) return port;
  if (std::any_of(ports_.begin(), ports_.end(),
                  [&](const auto& entry) { return entry.second.device == request.device; })) {
    return absl::InvalidArgumentError(absl::StrCat("port ", request.id.value(), ": \"", request.device,
                                                   "\" is another port's device already"));
  }
  auto taps = open_tap(request.device, workers_, request.mtu);
  if (!taps.ok()) return taps.status();
  port.taps = *std::move(taps);
  port.queues = static_cast<uint16_t>(workers_);
  return port;
}

// "net_tap0,iface=x" creates a virtual device; a PCI address probes one; a name that exists is used as it is.
absl::StatusOr<AttachedPort> LocalPorts::open_device(const PortRequest& request) {
  AttachedPort port{.id = request.id, .device = request.device, .mtu = request.mtu};
  const std::string name = request.device.substr(0, request.device.find(','));
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port.number) != 0) {
    if (const int error = rte_dev_probe(request.device.c_str()); error != 0)
      return fault(request.device, "attach", error);
    port.ours = true;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &port.number) != 0) {
      // A representor gets a name of its own: it is the newest port.
      uint16_t number;
      RTE_ETH_FOREACH_DEV(number) { port.number = number; }
    }
  }
  if (in_use(port.number)) {
    return absl::InvalidArgumentError(absl::StrCat("port ", request.id.value(), ": \"", request.device,
                                                   "\" is another port's device already"));
  }
  if (const auto prepared = prepared_.find(port.number); prepared != prepared_.end()) {
    port.queues = prepared->second;
    set_mtu(port);
    return port;
  }
  if (absl::Status status = configure(port); !status.ok()) {
    close(port);
    return status;
  }
  return port;
}

absl::Status LocalPorts::configure(AttachedPort& port) {
  rte_eth_dev_info device;
  if (const int error = rte_eth_dev_info_get(port.number, &device); error != 0)
    return fault(port.device, "query", error);
  if (device.max_tx_queues < workers_) {
    return absl::FailedPreconditionError(absl::StrCat("port \"", port.device, "\" has ", device.max_tx_queues,
                                                      " transmit queues, ", workers_,
                                                      " workers need one each"));
  }
  port.queues = device.max_rx_queues >= workers_ ? static_cast<uint16_t>(workers_) : 1;
  rte_eth_conf config{};
  if (device.flow_type_rss_offloads != 0 && port.queues > 1) {
    config.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    config.rx_adv_conf.rss_conf.rss_hf =
        device.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
  }
  config.txmode.offloads = device.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  int error = rte_eth_dev_configure(port.number, port.queues, static_cast<uint16_t>(workers_), &config);
  if (error != 0) return fault(port.device, "configure", error);
  uint16_t rx = port.device.starts_with("net_tap") ? kTapDescriptors : kDescriptors, tx = kDescriptors;
  (void)rte_eth_dev_adjust_nb_rx_tx_desc(port.number, &rx, &tx);
  for (uint16_t queue = 0; queue < port.queues; ++queue) {
    error = rte_eth_rx_queue_setup(port.number, queue, rx, static_cast<unsigned>(SOCKET_ID_ANY), nullptr,
                                   buffers_);
    if (error != 0) return fault(port.device, "receive queue", error);
  }
  for (uint16_t queue = 0; queue < workers_; ++queue) {
    error = rte_eth_tx_queue_setup(port.number, queue, tx, static_cast<unsigned>(SOCKET_ID_ANY), nullptr);
    if (error != 0) return fault(port.device, "transmit queue", error);
  }
  (void)rte_eth_dev_set_mtu(port.number, port.mtu);
  error = rte_eth_dev_start(port.number);
  if (error != 0) return fault(port.device, "start", error);
  (void)rte_eth_promiscuous_enable(port.number);
  return absl::OkStatus();
}

void LocalPorts::close(const AttachedPort& port) const {
  for (const int tap : port.taps) ::close(tap);
  if (!port.taps.empty() || port.probe || prepared_.contains(port.number)) return;
  (void)rte_eth_dev_stop(port.number);
  if (!port.ours) return;
  rte_eth_dev_info device;
  const bool known = rte_eth_dev_info_get(port.number, &device) == 0;
  (void)rte_eth_dev_close(port.number);
  if (known && device.device != nullptr) (void)rte_dev_remove(device.device);
}

}  // namespace outrigger::engine
