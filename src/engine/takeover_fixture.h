// Two engines in one process on one node memory, between two ports whose ends the test holds.
#pragma once

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/attachment.h"
#include "engine/demands.h"
#include "engine/eal.h"
#include "engine/engine.h"
#include "engine/node_memory.h"
#include "engine/session_table.h"
#include "engine/shared.h"
#include "outrigger/engine/v1/update.pb.h"
#include "packet/builder.h"
#include "packet/parser.h"

namespace outrigger::engine::takeover {

inline constexpr PortId kLeft{1}, kRight{2}, kProbeA{3}, kProbeB{4};
inline constexpr Vni kBlue{100};
inline constexpr unsigned kWorkers = 2;
inline const MacAddress kLeftMac{{2, 0, 0, 0, 0, 1}}, kRightMac{{2, 0, 0, 0, 0, 2}};
inline const IpAddress kLeftIp = *IpAddress::parse("10.0.0.1"), kRightIp = *IpAddress::parse("10.0.0.2");

using Decide = std::function<Step(const FirstPacket&, Decision&)>;

inline Step across(const FirstPacket& packet, Decision& decision) {
  const std::array<PortId, 5> other{kNoPort, kRight, kLeft, kProbeB, kProbeA};
  decision.from.port = packet.port;
  decision.to.port = other[packet.port.value()];
  decision.to.endpoint = decision.to.port.value() % 2;
  return Step::next();
}
inline Step deny(const FirstPacket&, Decision& decision) {
  decision.drop = Drop::kPolicyIngress;
  decision.ingress.rule = RuleId(3);
  return Step::dropped(Drop::kPolicyIngress);
}

class FixedTables : public Tables {
 public:
  explicit FixedTables(Decide decide) : decide_(std::move(decide)) {
    auto made = std::make_shared<Actions>();
    made->ports.resize(5);
    for (const PortId port : {kLeft, kProbeA})
      made->ports[port.value()] = {kLeftMac, PortRole::kEndpoint, kBlue, EndpointId(1), 1500};
    for (const PortId port : {kRight, kProbeB})
      made->ports[port.value()] = {kRightMac, PortRole::kEndpoint, kBlue, EndpointId(0), 1500};
    made->tunnels.resize(1);
    made->rewrites = {{kRightMac, kLeftMac}, {kLeftMac, kRightMac}};
    actions = std::move(made);
  }
  Step decide(const FirstPacket& packet, Decision& decision) const override {
    return decide_(packet, decision);
  }
  // Never: so a decision taken over from another engine would stand, if only this were asked.
  bool changed_since(const FirstPacket&, const End&, const End&, Epoch) const override { return false; }
  size_t respond(const FirstPacket&, std::span<uint8_t>) const override { return 0; }
  size_t refuse(const FirstPacket&, Step::Error, uint16_t, std::span<uint8_t>) const override { return 0; }
  size_t announce(PortId, std::span<uint8_t>) const override { return 0; }
  size_t receivers(const FirstPacket&, std::span<End>) const override { return 0; }

 private:
  Decide decide_;
};

class FixedBuilder : public TableBuilder {
 public:
  explicit FixedBuilder(Decide* decide) : decide_(decide) {}
  absl::StatusOr<const Tables*> build(std::string_view, Epoch epoch) override { return rebuild(epoch); }
  void retire() override { previous_.reset(); }
  std::vector<IpAddress> neighbours() const override { return {}; }
  bool learn(IpAddress address, const MacAddress&) override {
    learnt.push_back(address);
    return false;
  }
  absl::StatusOr<const Tables*> rebuild(Epoch epoch) override {
    previous_ = std::move(current_);
    current_ = std::make_unique<FixedTables>(*decide_);
    current_->epoch = epoch;
    current_->generation = Generation(7);
    return current_.get();
  }
  std::vector<IpAddress> learnt;

 private:
  Decide* decide_;
  std::unique_ptr<FixedTables> current_, previous_;
};

// What the ports process would hold.
class GivenPorts : public PortSource {
 public:
  absl::Status attach(const std::vector<PortRequest>& wanted) override {
    for (const PortRequest& one : wanted) {
      AttachedPort port{.id = one.id, .device = one.device};
      port.probe = one.device == "probe";
      if (!port.probe && rte_eth_dev_get_port_by_name(one.device.c_str(), &port.number) != 0)
        return absl::NotFoundError(one.device);
      ports_.insert_or_assign(one.id.value(), port);
    }
    return absl::OkStatus();
  }
  void prune(const std::vector<PortRequest>&) override {}
  void restore(const std::vector<PortRequest>&) override {}
  const std::map<uint16_t, AttachedPort>& all() const override { return ports_; }

 private:
  std::map<uint16_t, AttachedPort> ports_;
};

struct Ends {
  rte_ring* to_engine = nullptr;
  rte_ring* from_engine = nullptr;
};

class TakeoverTest : public ::testing::Test {
 protected:
  static inline rte_mempool* pool = nullptr;
  static inline std::array<Ends, 3> ends;

  static void SetUpTestSuite() {
    const std::vector<std::string> eal = {
        "takeover_test",
        "--no-telemetry",
        "--no-huge",
        "--no-shconf",
        "--no-pci",
        "-m",
        "128",
        absl::StrCat("--file-prefix=takeover", getpid()),
        absl::StrCat("--lcores=0@(0-", sysconf(_SC_NPROCESSORS_ONLN) - 1, "),", lcore_of(0, 0), "@0,",
                     lcore_of(0, 1), "@0,", lcore_of(1, 0), "@0,", lcore_of(1, 1), "@0")};
    ASSERT_TRUE(start_eal(eal).ok());
    pool = rte_pktmbuf_pool_create("given", 4095, 64, kBufferPrivate, RTE_PKTMBUF_HEADROOM + kBufferRoom,
                                   SOCKET_ID_ANY);
    ASSERT_NE(pool, nullptr);
    for (const PortId id : {kLeft, kRight}) make_port(id);
  }

  static void make_port(PortId id) {
    const std::string name = absl::StrCat("t", id.value());
    Ends& port = ends[id.value()];
    port.to_engine = rte_ring_create((name + "in").c_str(), 1024, SOCKET_ID_ANY, 0);
    port.from_engine = rte_ring_create((name + "out").c_str(), 4096, SOCKET_ID_ANY, 0);
    std::array<rte_ring*, 1> in{port.to_engine};
    std::array<rte_ring*, kWorkers> out{port.from_engine, port.from_engine};
    const int number = rte_eth_from_rings(name.c_str(), in.data(), 1, out.data(), kWorkers, SOCKET_ID_ANY);
    ASSERT_GE(number, 0);
    rte_eth_conf config{};
    const auto device = static_cast<uint16_t>(number);
    ASSERT_EQ(rte_eth_dev_configure(device, 1, kWorkers, &config), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(device, 0, 256, SOCKET_ID_ANY, nullptr, pool), 0);
    for (uint16_t queue = 0; queue < kWorkers; ++queue)
      ASSERT_EQ(rte_eth_tx_queue_setup(device, queue, 256, SOCKET_ID_ANY, nullptr), 0);
    ASSERT_EQ(rte_eth_dev_start(device), 0);
  }

  void SetUp() override {
    auto made = NodeMemory::create({.workers = kWorkers, .sessions = 4096, .rules = 64}, false);
    ASSERT_TRUE(made.ok()) << made.status();
    memory = std::make_unique<NodeMemory>(*std::move(made));
    memory->start_clock(rte_rdtsc(), rte_get_tsc_hz());
    decide = {across, across};
    for (unsigned slot : {0u, 1u}) start(slot);
  }

  void start(unsigned slot) {
    Attachment attachment{.slot = slot,
                          .memory_fd = dup(memory->fd()),
                          .ports = std::make_unique<GivenPorts>(),
                          .pool = "given"};
    auto builder = std::make_unique<FixedBuilder>(&decide[slot]);
    builders[slot] = builder.get();
    auto started = Engine::attach({}, std::move(builder), std::move(attachment));
    ASSERT_TRUE(started.ok()) << started.status();
    engines[slot] = *std::move(started);
    apply(slot);
  }

  // The last engine flushes what it holds when it ends; every buffer is back.
  void TearDown() override {
    for (auto& engine : engines) engine.reset();
    for (const PortId port : {kLeft, kRight}) (void)collect(port);
    EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
  }

  void apply(unsigned slot) {
    v1::Update update;
    for (const auto& [id, device] :
         {std::pair{kLeft, "net_ring_t1"}, {kRight, "net_ring_t2"}, {kProbeA, "probe"}, {kProbeB, "probe"}}) {
      v1::Port* port = update.mutable_structure()->add_ports();
      port->set_id(id.value());
      port->set_device(device);
    }
    const auto epoch = engines[slot]->apply(update.SerializeAsString());
    ASSERT_TRUE(epoch.ok()) << epoch.status();
  }

  void give_to(unsigned slot) {
    const Ownership ownership(*memory);
    ownership.ask(slot);
    if (ownership.owner() == kNobody) return ownership.seize(slot);
    for (int i = 0; i < 2000 && !ownership.done(slot); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(ownership.done(slot));
  }

  using Frame = std::vector<uint8_t>;
  static Frame udp(bool from_left, uint16_t port, uint64_t mark = 0) {
    Frame buffer(200);
    packet::Builder builder(buffer);
    std::array<uint8_t, 8> payload;
    std::memcpy(payload.data(), &mark, 8);
    if (from_left) {
      builder.ethernet(kRightMac, kLeftMac).ip(kLeftIp, kRightIp).udp(port, 53).payload(payload);
    } else {
      builder.ethernet(kLeftMac, kRightMac).ip(kRightIp, kLeftIp).udp(53, port).payload(payload);
    }
    buffer.resize(builder.finish());
    return buffer;
  }

  static bool send(PortId port, const Frame& frame) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
    if (packet == nullptr) return false;
    std::memcpy(rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size())), frame.data(), frame.size());
    if (rte_ring_enqueue(ends[port.value()].to_engine, packet) == 0) return true;
    rte_pktmbuf_free(packet);
    return false;
  }
  static size_t collect(PortId port) {
    size_t count = 0;
    rte_mbuf* packet = nullptr;
    while (rte_ring_dequeue(ends[port.value()].from_engine, reinterpret_cast<void**>(&packet)) == 0) {
      rte_pktmbuf_free(packet);
      ++count;
    }
    return count;
  }
  // What comes out within a while; waits no longer than it must.
  static size_t arrive(PortId port, size_t expected) {
    size_t count = 0;
    for (int i = 0; i < 300 && count < expected; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      count += collect(port);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return count + collect(port);
  }
  uint64_t count(Counter WorkerCounters::*which) const {
    uint64_t sum = 0;
    for (unsigned worker = 0; worker < kWorkers; ++worker) sum += (memory->counters(worker).*which).get();
    return sum;
  }
  uint64_t dropped(Drop why) { return engines[0]->figures().drops[static_cast<size_t>(why)]; }

  std::array<Decide, 2> decide;
  std::unique_ptr<NodeMemory> memory;
  std::array<std::unique_ptr<Engine>, 2> engines;
  std::array<FixedBuilder*, 2> builders{};
};

}  // namespace outrigger::engine::takeover
