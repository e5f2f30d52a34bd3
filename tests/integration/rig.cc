#include "integration/rig.h"

#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::integration {

namespace {

struct Ends {
  rte_ring* to_engine = nullptr;
  rte_ring* from_engine = nullptr;
};
std::array<Ends, 8> ends;
rte_mempool* pool = nullptr;
constexpr uint16_t kPrivate = 128;  // what the engine writes beside a packet

void make_port(uint16_t id, unsigned workers) {
  const std::string name = absl::StrCat("p", id);
  Ends& port = ends[id];
  port.to_engine = rte_ring_create((name + "in").c_str(), 4096, SOCKET_ID_ANY, 0);
  port.from_engine = rte_ring_create((name + "out").c_str(), 4096, SOCKET_ID_ANY, 0);
  std::array<rte_ring*, 1> in{port.to_engine};
  const std::vector<rte_ring*> out(workers, port.from_engine);
  ASSERT_GE(rte_eth_from_rings(name.c_str(), in.data(), 1, out.data(), workers, SOCKET_ID_ANY), 0);
}

uint64_t buffers_in_use(const Figures& figures) {
  for (const Capacity& one : figures.capacity) {
    if (one.name == "buffers") return one.used;
  }
  return ~0ull;
}

}  // namespace

std::unique_ptr<engine::Engine> Rig::engine_;

Bytes wrapped(const Bytes& inner, const Fabric& fabric) {
  return make([&](Builder& b) {
    b.ethernet(kUnderlayMac, kFabricMac).ip(fabric.from, fabric.to).udp(50000, fabric.geneve ? 6081 : 4789);
    fabric.geneve ? b.geneve(fabric.vni) : b.vxlan(fabric.vni);
    b.payload(inner);
    if (fabric.checksum) b.checksummed();
  });
}

Bytes tcp(const MacAddress& to, const MacAddress& from, const char* source, const char* destination,
          const Segment& segment) {
  return make([&](Builder& b) {
    b.ethernet(to, from)
        .ip(ip(source), ip(destination))
        .tcp(segment.from_port, segment.to_port, segment.flags, segment.seq, segment.ack)
        .zeros(segment.payload);
  });
}

Bytes error_about(const Bytes& flow, const MacAddress& to, const MacAddress& from, const char* source) {
  return make([&](Builder& b) {
    b.ethernet(to, from)
        .ip(ip(source), IpAddress::load_v4(flow.data() + 26))
        .icmp(3, 3)
        .payload(std::span(flow).subspan(14, 28));
  });
}

unsigned Rig::workers() {
  const char* const given = std::getenv("OUTRIGGER_WORKERS");
  return given == nullptr ? 1 : static_cast<unsigned>(std::atoi(given));
}

// One engine a process: EAL starts once.
void Rig::SetUpTestSuite() {
  if (engine_ != nullptr) return;
  auto started = engine::Engine::start({.workers = workers(),
                                        .sessions_per_worker = kSessions,
                                        .buffers = 4095,
                                        .rules = 1024,
                                        .memory_mib = 256},
                                       services::make_builder());
  ASSERT_TRUE(started.ok()) << started.status();
  engine_ = *std::move(started);
  std::atexit([] { engine_.reset(); });
  pool = rte_pktmbuf_pool_create("test", 8191, 0, kPrivate, 2176, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr);
  for (uint16_t id = 0; id < kPortCount; ++id) make_port(id, workers());
}

void Rig::SetUp() {
  v1::Update update;
  *update.mutable_structure() = structure();
  update.mutable_policy()->set_replace(true);
  apply(update);
  drops_before_ = figures().drops;
}

void Rig::TearDown() {
  settle();
  for (uint16_t id = 0; id < kPortCount; ++id) (void)collect(PortId(id));
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
  EXPECT_EQ(buffers_in_use(figures()), 0u);
}

v1::Structure Rig::structure() {
  v1::Structure s = reachable_world();
  for (v1::Port& port : *s.mutable_ports()) port.set_device(absl::StrCat("net_ring_p", port.id()));
  s.mutable_networks(0)->set_reject(false);  // so that nothing comes out but what was sent
  s.mutable_peers(0)->add_underlay(ip("2001:db8::2").bytes());
  return s;
}

void Rig::apply(const v1::Update& update) {
  const auto epoch = engine_->apply(update.SerializeAsString());
  ASSERT_TRUE(epoch.ok()) << epoch.status();
}
void Rig::apply(const v1::Structure& structure) {
  v1::Update update;
  *update.mutable_structure() = structure;
  apply(update);
}
void Rig::apply(const v1::Policy& policy) {
  v1::Update update;
  *update.mutable_policy() = policy;
  apply(update);
}

void Rig::close(bool ingress, bool egress, const std::vector<v1::Rule>& rules) {
  v1::Policy policy;
  policy.set_replace(true);
  add_class(policy, 1, ingress, egress);
  add_subject(policy, kWebId, 1);
  for (const v1::Rule& rule : rules) *policy.add_add_rules() = rule;
  apply(policy);
}
void Rig::open_again() {
  v1::Policy policy;
  policy.set_replace(true);
  apply(policy);
}

bool Rig::try_send(PortId port, const Bytes& frame) {
  rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
  if (packet == nullptr) return false;
  char* const room = rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size()));
  if (!frame.empty()) std::memcpy(room, frame.data(), frame.size());
  if (rte_ring_enqueue(ends[port.value()].to_engine, packet) == 0) return true;
  rte_pktmbuf_free(packet);
  return false;
}
void Rig::send(PortId port, const Bytes& frame) { ASSERT_TRUE(try_send(port, frame)); }

std::vector<Bytes> Rig::collect(PortId port) {
  std::vector<Bytes> out;
  rte_mbuf* packet = nullptr;
  while (rte_ring_dequeue(ends[port.value()].from_engine, reinterpret_cast<void**>(&packet)) == 0) {
    EXPECT_EQ(packet->pkt_len, packet->data_len);
    const auto* const data = rte_pktmbuf_mtod(packet, const uint8_t*);
    out.emplace_back(data, data + packet->data_len);
    rte_pktmbuf_free(packet);
  }
  return out;
}

std::vector<Bytes> Rig::out_of(PortId port) {
  settle();
  return collect(port);
}

size_t Rig::passed(PortId from, const Bytes& frame, PortId to) {
  send(from, frame);
  return out_of(to).size();
}

// Three times nothing to do, with whole turns of every worker in between: time alone would not show one that
// was stopped in the middle of a turn.
void Rig::settle() {
  uint64_t busy_before = 0;
  std::vector<uint64_t> turns_before;
  for (int quiet = 0; quiet < 3; std::this_thread::sleep_for(std::chrono::milliseconds(2))) {
    uint64_t waiting = 0, busy = 0;
    for (const Ends& port : ends) waiting += rte_ring_count(port.to_engine);
    std::vector<uint64_t> turns;
    for (const engine::WorkerFigures& worker : figures().workers) {
      busy += worker.busy_turns;
      turns.push_back(worker.turns);
    }
    const bool idle = waiting == 0 && std::exchange(busy_before, busy) == busy;
    const bool turned = turns_before.size() == turns.size() &&
                        std::equal(turns.begin(), turns.end(), turns_before.begin(),
                                   [](uint64_t now, uint64_t before) { return now >= before + 2; });
    if (!idle) quiet = 0;
    if (idle && !turned) continue;
    quiet += idle;
    turns_before = turns;
  }
}

uint64_t Rig::dropped(Drop why) {
  settle();
  const auto index = static_cast<size_t>(why);
  const uint64_t now = figures().drops[index];
  return now - std::exchange(drops_before_[index], now);
}

}  // namespace outrigger::integration
