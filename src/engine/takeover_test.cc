// Two engines in one process on one node memory: what happens to sessions when the queues change hands.
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

namespace outrigger::engine {
namespace {

constexpr PortId kLeft{1}, kRight{2}, kProbeA{3}, kProbeB{4};
constexpr Vni kBlue{100};
constexpr unsigned kWorkers = 2;
const MacAddress kLeftMac{{2, 0, 0, 0, 0, 1}}, kRightMac{{2, 0, 0, 0, 0, 2}};
const IpAddress kLeftIp = *IpAddress::parse("10.0.0.1"), kRightIp = *IpAddress::parse("10.0.0.2");

using Decide = std::function<Step(const FirstPacket&, Decision&)>;

Step across(const FirstPacket& packet, Decision& decision) {
  const std::array<PortId, 5> other{kNoPort, kRight, kLeft, kProbeB, kProbeA};
  decision.from.port = packet.port;
  decision.to.port = other[packet.port.value()];
  decision.to.endpoint = decision.to.port.value() % 2;
  return Step::next();
}
Step deny(const FirstPacket&, Decision& decision) {
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

TEST_F(TakeoverTest, NobodyServesUntilItHasTheWord) {
  EXPECT_EQ(engines[0]->role(), Role::kStandby);
  ASSERT_TRUE(send(kLeft, udp(true, 1)));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(collect(kRight), 0u);
  EXPECT_EQ(count(&WorkerCounters::turns), 0u);
  give_to(0);
  EXPECT_EQ(arrive(kRight, 1), 1u);
  EXPECT_EQ(engines[0]->role(), Role::kActive);
  EXPECT_EQ(engines[1]->role(), Role::kStandby);
}

TEST_F(TakeoverTest, SessionsAreKeptAndDecidedOnceMoreByTheNew) {
  give_to(0);
  for (uint16_t port = 100; port < 150; ++port) ASSERT_TRUE(send(kLeft, udp(true, port)));
  EXPECT_EQ(arrive(kRight, 50), 50u);
  give_to(1);
  EXPECT_EQ(engines[1]->role(), Role::kActive);
  EXPECT_EQ(engines[0]->role(), Role::kStandby);
  for (int round = 0; round < 3; ++round) {
    for (uint16_t port = 100; port < 150; ++port) ASSERT_TRUE(send(kRight, udp(false, port)));
    EXPECT_EQ(arrive(kLeft, 50), 50u);
  }
  EXPECT_EQ(count(&WorkerCounters::decided), 50u);    // none was opened anew
  EXPECT_EQ(count(&WorkerCounters::redecided), 50u);  // each was asked about once
  for (const Session& session : engines[1]->sessions(100)) EXPECT_EQ(session.state, SessionState::kActive);
  EXPECT_EQ(engines[1]->sessions(100).size(), 50u);
}

TEST_F(TakeoverTest, WhatTheNewEngineDeniesStopsAtItsFirstPacket) {
  give_to(0);
  ASSERT_TRUE(send(kLeft, udp(true, 200)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  decide[1] = deny;
  apply(1);
  apply(0);  // the old one publishes after it: its epoch is the higher
  ASSERT_TRUE(send(kLeft, udp(true, 200)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  give_to(1);
  ASSERT_TRUE(send(kLeft, udp(true, 200)));
  ASSERT_TRUE(send(kRight, udp(false, 200)));
  EXPECT_EQ(arrive(kRight, 1), 0u);
  EXPECT_EQ(arrive(kLeft, 1), 0u);
  EXPECT_EQ(dropped(Drop::kPolicyIngress), 2u);
  // And a later publication of its own, which changes nothing for the flow, opens nothing.
  apply(1);
  ASSERT_TRUE(send(kRight, udp(false, 200)));
  EXPECT_EQ(arrive(kLeft, 1), 0u);
}

TEST_F(TakeoverTest, ThereAndBackUnderTrafficLosesNothing) {
  give_to(0);
  std::atomic<bool> stop{false};
  std::atomic<size_t> sent{0};
  size_t received = 0;
  std::thread sender([&] {
    for (uint16_t i = 0; !stop.load(); ++i) {
      if (send(kLeft, udp(true, static_cast<uint16_t>(300 + i % 64)))) sent.fetch_add(1);
      if (i % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  for (unsigned swap = 1; swap <= 20; ++swap) {
    give_to(swap % 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    received += collect(kRight);
  }
  stop = true;
  sender.join();
  received += arrive(kRight, sent - received);
  EXPECT_EQ(received, sent.load());
  EXPECT_EQ(dropped(Drop::kHandOverFull), 0u);
  EXPECT_EQ(engines[0]->sessions(1000).size(), 64u);
}

TEST_F(TakeoverTest, ADeadWriterCostsOnlyWhatItWasWriting) {
  give_to(0);
  for (uint16_t port = 500; port < 520; ++port) ASSERT_TRUE(send(kLeft, udp(true, port)));
  EXPECT_EQ(arrive(kRight, 20), 20u);
  engines[0].reset();  // gone without letting go; and as if in the middle of a change:
  Drop why = Drop::kNone;
  packet::FlowKey key{};
  key.a_port = 9;
  SessionTable table(memory->sessions(0), 4096);
  ASSERT_NE(table.insert(key, packet::hash(key), kNoPort, 1, &why), kNoSession);
  ASSERT_TRUE(table.torn());
  Ownership(*memory).seize(1);
  for (uint16_t port = 500; port < 520; ++port) ASSERT_TRUE(send(kRight, udp(false, port)));
  EXPECT_EQ(arrive(kLeft, 20), 20u);
  EXPECT_FALSE(SessionTable(memory->sessions(0), 4096).torn());
  EXPECT_EQ(engines[1]->sessions(100).size(), 20u);
  EXPECT_EQ(count(&WorkerCounters::decided), 20u);
}

TEST_F(TakeoverTest, TheWorkerBeatsAlsoAtRest) {
  give_to(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const uint64_t before = memory->word(0).beat;
  EXPECT_NE(memory->word(0).thread, 0u);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_GT(memory->word(0).beat, before + 5);
  give_to(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(memory->word(0).owner, 1u);
}

TEST_F(TakeoverTest, AProbeGoesThroughTheDataPath) {
  EXPECT_EQ(engines[0]->probe(kProbeA, udp(true, 7, 42), 42, 10).status().code(),
            absl::StatusCode::kFailedPrecondition);
  give_to(0);
  EXPECT_FALSE(engines[0]->probe(kLeft, udp(true, 7, 42), 42, 10).ok());
  const auto echo = engines[0]->probe(kProbeA, udp(true, 7, 42), 42, 500);
  ASSERT_TRUE(echo.ok()) << echo.status();
  EXPECT_TRUE(echo->arrived);
  EXPECT_EQ(echo->port, kProbeB);
  EXPECT_EQ(echo->frame, udp(true, 7, 42));
  EXPECT_GT(echo->nanoseconds, 0u);
  EXPECT_LT(echo->nanoseconds, 500'000'000u);
  const auto other = engines[0]->probe(kProbeA, udp(true, 7, 43), 44, 20);
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE(other->arrived);
  decide[0] = deny;
  apply(0);
  const auto denied = engines[0]->probe(kProbeA, udp(true, 8, 45), 45, 50);
  ASSERT_TRUE(denied.ok());
  EXPECT_FALSE(denied->arrived);
  EXPECT_EQ(denied->drop, Drop::kPolicyIngress);
}

TEST_F(TakeoverTest, AnEchoRequestAtAProbePortIsAnswered) {
  give_to(0);
  for (const bool v6 : {false, true}) {
    const IpAddress from = v6 ? *IpAddress::parse("2001:db8::1") : kLeftIp;
    const IpAddress to = v6 ? *IpAddress::parse("2001:db8::2") : kRightIp;
    Frame request(120);
    const std::array<uint8_t, 8> payload{1, 2, 3, 4, 5, 6, 7, 8};
    request.resize(packet::Builder(request)
                       .ethernet(kRightMac, kLeftMac)
                       .ip(from, to)
                       .icmp(v6 ? 128 : 8, 0, 0x00070001)
                       .payload(payload)
                       .finish());
    Frame reply(120);
    reply.resize(packet::Builder(reply)
                     .ethernet(kLeftMac, kRightMac)
                     .ip(to, from)
                     .icmp(v6 ? 129 : 0, 0, 0x00070001)
                     .payload(payload)
                     .finish());
    const uint64_t before = memory->ports(0)[kProbeA.value()].tx_packets.get() +
                            memory->ports(1)[kProbeA.value()].tx_packets.get();
    const auto echo = engines[0]->probe(kProbeA, request, 0x0807060504030201, 500);
    ASSERT_TRUE(echo.ok());
    EXPECT_EQ(echo->frame, request);  // as it came out of the other probe port
    uint64_t after = before;
    for (int i = 0; i < 200 && after == before; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      after = memory->ports(0)[kProbeA.value()].tx_packets.get() +
              memory->ports(1)[kProbeA.value()].tx_packets.get();
    }
    EXPECT_EQ(after, before + 1);  // the reply came back to where the request began
  }
}

TEST_F(TakeoverTest, AShadowAgreesOrSaysWhereItDoesNot) {
  give_to(0);
  ASSERT_TRUE(send(kLeft, udp(true, 600)));
  EXPECT_EQ(arrive(kRight, 1), 1u);
  EXPECT_FALSE(engines[0]->shadow(true).ok());
  ASSERT_TRUE(engines[1]->shadow(true).ok());
  EXPECT_EQ(engines[1]->role(), Role::kShadow);
  for (uint16_t port = 601; port < 611; ++port) ASSERT_TRUE(send(kLeft, udp(true, port)));
  EXPECT_EQ(arrive(kRight, 10), 10u);
  engines[0]->tend();
  ShadowReport report = engines[1]->shadow_report();
  EXPECT_EQ(report.first_packets, 10u);
  EXPECT_GE(report.sessions, 11u);
  EXPECT_EQ(report.different, 0u) << (report.differences.empty() ? "" : report.differences[0].kind);

  decide[1] = deny;
  apply(1);
  ASSERT_TRUE(send(kLeft, udp(true, 700)));
  EXPECT_EQ(arrive(kRight, 1), 1u);  // a shadow moves and stops nothing
  report = engines[1]->shadow_report();
  EXPECT_EQ(report.first_packets, 11u);
  ASSERT_FALSE(report.differences.empty());
  EXPECT_EQ(report.differences[0].kind, "forward -> drop policy_ingress");
  EXPECT_EQ(report.differences[0].shadow, "drop policy_ingress, rule 3");
  bool named = false;
  for (const Difference& one : report.differences)
    named |= one.flow == "udp 10.0.0.1:700 -> 10.0.0.2:53 from port 1";
  EXPECT_TRUE(named);
  ASSERT_TRUE(engines[1]->shadow(false).ok());
  EXPECT_EQ(memory->header().sampling, 0u);
  EXPECT_GT(engines[1]->shadow_report().different, 0u);  // kept until the next begins
}

TEST_F(TakeoverTest, NeighboursAreInherited) {
  memory->header().neighbours[5].address = kLeftIp;
  memory->header().neighbours[5].mac = kLeftMac;
  memory->header().neighbours[5].sequence = 2;
  memory->header().neighbours[6].sequence = 3;  // its writer died
  memory->header().neighbours[6].address = kRightIp;
  engines[1]->tend();
  EXPECT_EQ(builders[1]->learnt, std::vector<IpAddress>{kLeftIp});
}

}  // namespace
}  // namespace outrigger::engine
