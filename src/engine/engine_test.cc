// The engine against tables made for the purpose: packets go in on rings and are looked at when they come
// out.
#include "engine/engine.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/burst.h"
#include "outrigger/engine/v1/update.pb.h"
#include "packet/builder.h"
#include "packet/parser.h"

namespace outrigger::engine {
namespace {

constexpr PortId kLeft{1}, kRight{2}, kUplink{3};
constexpr Vni kBlue{100};
constexpr TunnelId kTunnel{1};
const MacAddress kLeftMac{{2, 0, 0, 0, 0, 1}}, kRightMac{{2, 0, 0, 0, 0, 2}};
const IpAddress kLeftIp = *IpAddress::parse("10.0.0.1"), kRightIp = *IpAddress::parse("10.0.0.2");
const IpAddress kFarIp = *IpAddress::parse("10.0.0.3");

// What the tables of the next publication say.
struct Script {
  std::function<Step(const FirstPacket&, Decision&)> decide;
  bool changes = true;  // changed_since
  uint16_t mtu = 1500;
};
Script script;

Step deliver_across(const FirstPacket& packet, Decision& decision) {
  const bool from_left = packet.port == kLeft;
  decision.from.port = packet.port;
  decision.from.tunnel = packet.tunnel;
  decision.to.port = from_left ? kRight : kLeft;
  if (packet.info.destination() == kFarIp) {
    decision.to.port = kUplink;
    decision.to.tunnel = kTunnel;
  }
  decision.charged = from_left ? kLeft : kRight;
  return Step::next();
}

Step deny(const FirstPacket&, Decision& decision) {
  decision.drop = Drop::kPolicyEgress;
  return Step::dropped(Drop::kPolicyEgress);
}

class ScriptedTables : public Tables {
 public:
  explicit ScriptedTables(Script what) : script_(std::move(what)) {
    auto made = std::make_shared<Actions>();
    made->ports.resize(4);
    made->ports[kLeft.value()] = {kLeftMac, PortRole::kEndpoint, kBlue, EndpointId(0), script_.mtu};
    made->ports[kRight.value()] = {kRightMac, PortRole::kEndpoint, kBlue, EndpointId(1), script_.mtu};
    made->ports[kUplink.value()].role = PortRole::kUplink;
    made->tunnels.resize(3);  // [2]: its peer's MAC is not known yet
    Tunnel& tunnel = made->tunnels[1];
    tunnel.header[12] = 0x08;
    tunnel.header[14] = 0x45;
    tunnel.header[23] = packet::kUdp;
    tunnel.header_length = 50;
    tunnel.resolved = true;
    tunnel.uplink = kUplink;
    tunnel.inner_mtu = 1450;
    tunnel.vni = kBlue;
    made->tunnels[2].inner_mtu = 1450;
    made->uplink = kUplink;
    made->underlay = {IpAddress::v4(1)};
    made->sources[{IpAddress::v4(2), kBlue.value() << 8}] = kTunnel;
    made->peers[IpAddress::v4(2)] = PeerId(0);
    actions = std::move(made);
  }

  Step decide(const FirstPacket& packet, Decision& decision) const override {
    return script_.decide(packet, decision);
  }
  bool changed_since(const FirstPacket&, const End&, const End&, Epoch) const override {
    return script_.changes;
  }
  size_t respond(const FirstPacket& packet, std::span<uint8_t> frame) const override {
    std::copy(packet.frame.begin(), packet.frame.end(), frame.begin());
    return packet.frame.size();
  }
  size_t refuse(const FirstPacket& packet, Step::Error, uint16_t, std::span<uint8_t> frame) const override {
    return respond(packet, frame);
  }
  size_t announce(PortId, std::span<uint8_t>) const override { return 0; }
  size_t receivers(const FirstPacket&, std::span<End> out) const override {
    out[0].port = kRight;
    out[1] = End{kUplink, kTunnel};
    return 2;
  }

 private:
  Script script_;
};

class ScriptedBuilder : public TableBuilder {
 public:
  absl::StatusOr<const Tables*> build(std::string_view, Epoch epoch) override { return rebuild(epoch); }
  void retire() override { previous_.reset(); }
  std::vector<IpAddress> neighbours() const override { return {}; }
  bool learn(IpAddress, const MacAddress&) override { return false; }
  absl::StatusOr<const Tables*> rebuild(Epoch epoch) override {
    previous_ = std::move(current_);
    current_ = std::make_unique<ScriptedTables>(script);
    current_->epoch = epoch;
    return current_.get();
  }

 private:
  std::unique_ptr<ScriptedTables> current_, previous_;
};

// A port whose two ends the test holds.
struct TestPort {
  rte_ring* to_engine = nullptr;
  rte_ring* from_engine = nullptr;
};

class EngineTest : public ::testing::Test {
 protected:
  static constexpr unsigned kWorkers = 2;
  static std::unique_ptr<Engine> engine;
  static rte_mempool* pool;
  static std::array<TestPort, 4> ports;

  static void SetUpTestSuite() {
    script.decide = deliver_across;
    EngineOptions options{
        .workers = kWorkers, .sessions_per_worker = 4096, .buffers = 2047, .memory_mib = 128};
    auto started = Engine::start(options, std::make_unique<ScriptedBuilder>());
    ASSERT_TRUE(started.ok()) << started.status();
    engine = *std::move(started);
    pool = rte_pktmbuf_pool_create("test", 2047, 0, (sizeof(HandOver) + 63) / 64 * 64, 2176, SOCKET_ID_ANY);
    ASSERT_NE(pool, nullptr);
    for (const PortId id : {kLeft, kRight, kUplink}) make_port(id);
  }
  static void TearDownTestSuite() { engine.reset(); }

  static void make_port(PortId id) {
    const std::string name = absl::StrCat("p", id.value());
    std::array<rte_ring*, kWorkers> in{}, out{};
    TestPort& port = ports[id.value()];
    port.to_engine = rte_ring_create((name + "in").c_str(), 1024, SOCKET_ID_ANY, 0);
    port.from_engine = rte_ring_create((name + "out").c_str(), 1024, SOCKET_ID_ANY, 0);
    for (unsigned queue = 0; queue < kWorkers; ++queue) {
      in[queue] = port.to_engine;
      out[queue] = port.from_engine;
    }
    ASSERT_GE(rte_eth_from_rings(name.c_str(), in.data(), 1, out.data(), kWorkers, SOCKET_ID_ANY), 0);
  }

  void SetUp() override {
    script = Script{.decide = deliver_across};
    apply();
    before_ = engine->figures();
  }

  // Every buffer is back where it came from.
  void TearDown() override {
    for (const TestPort& port : ports) {
      if (port.from_engine != nullptr) (void)collect(port);
    }
    EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
    EXPECT_EQ(buffers_in_use(), 0u);
  }

  static uint64_t buffers_in_use() {
    for (const Capacity& one : engine->figures().capacity) {
      if (one.name == "buffers") return one.used;
    }
    return ~0ull;
  }

  static void apply() {
    v1::Update update;
    for (const PortId id : {kLeft, kRight, kUplink}) {
      v1::Port* port = update.mutable_structure()->add_ports();
      port->set_id(id.value());
      port->set_device(absl::StrCat("net_ring_p", id.value()));
    }
    auto epoch = engine->apply(update.SerializeAsString());
    ASSERT_TRUE(epoch.ok()) << epoch.status();
  }

  static void send(PortId port, std::span<const uint8_t> frame) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
    ASSERT_NE(packet, nullptr);
    std::memcpy(rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size())), frame.data(), frame.size());
    ASSERT_EQ(rte_ring_enqueue(ports[port.value()].to_engine, packet), 0);
  }

  using Frame = std::vector<uint8_t>;
  static std::vector<Frame> collect(const TestPort& port) {
    std::vector<Frame> out;
    rte_mbuf* packet = nullptr;
    while (rte_ring_dequeue(port.from_engine, reinterpret_cast<void**>(&packet)) == 0) {
      out.emplace_back(rte_pktmbuf_mtod(packet, uint8_t*),
                       rte_pktmbuf_mtod(packet, uint8_t*) + packet->data_len);
      rte_pktmbuf_free(packet);
    }
    return out;
  }

  // What came out of `port`, once everything that went in has been dealt with.
  static std::vector<Frame> out_of(PortId port) {
    settle();
    return collect(ports[port.value()]);
  }
  static void settle() {
    for (int quiet = 0, last = -1; quiet < 5; std::this_thread::sleep_for(std::chrono::milliseconds(2))) {
      const Figures figures = engine->figures();
      int seen = 0;
      for (const WorkerFigures& worker : figures.workers)
        seen += static_cast<int>(worker.packets + worker.handed_over);
      for (const TestPort& port : ports)
        seen += port.to_engine == nullptr ? 0 : static_cast<int>(rte_ring_count(port.to_engine)) << 16;
      quiet = seen == last ? quiet + 1 : 0;
      last = seen;
    }
  }

  uint64_t dropped(Drop why) const {
    settle();
    return engine->figures().drops[static_cast<size_t>(why)] - before_.drops[static_cast<size_t>(why)];
  }

  static Frame udp(bool from_left, uint16_t port, size_t payload = 20, IpAddress to = kRightIp) {
    std::array<uint8_t, 2000> buffer;
    packet::Builder builder(buffer);
    if (from_left) {
      builder.ethernet(kRightMac, kLeftMac).ip(kLeftIp, to).udp(port, 53).zeros(payload);
    } else {
      builder.ethernet(kLeftMac, kRightMac).ip(kRightIp, kLeftIp).udp(53, port).zeros(payload);
    }
    return {buffer.begin(), buffer.begin() + static_cast<long>(builder.finish())};
  }

  Figures before_;
};
std::unique_ptr<Engine> EngineTest::engine;
rte_mempool* EngineTest::pool;
std::array<TestPort, 4> EngineTest::ports;

TEST_F(EngineTest, DeliversBothWaysAndDecidesOnce) {
  for (int i = 0; i < 10; ++i) send(kLeft, udp(true, 1000));
  EXPECT_EQ(out_of(kRight).size(), 10u);
  for (int i = 0; i < 10; ++i) send(kRight, udp(false, 1000));
  EXPECT_EQ(out_of(kLeft).size(), 10u);
  uint64_t decided = 0;
  const Figures now = engine->figures();
  for (size_t i = 0; i < now.workers.size(); ++i)
    decided += now.workers[i].decided - before_.workers[i].decided;
  EXPECT_EQ(decided, 1u);
}

TEST_F(EngineTest, FlowsSpreadOverWorkersAndStayWhole) {
  for (uint16_t port = 2000; port < 2200; ++port) send(kLeft, udp(true, port));
  EXPECT_EQ(out_of(kRight).size(), 200u);
  const Figures now = engine->figures();
  uint64_t handed_over = 0;
  for (size_t i = 0; i < now.workers.size(); ++i) {
    EXPECT_GT(now.workers[i].decided, before_.workers[i].decided);
    handed_over += now.workers[i].handed_over - before_.workers[i].handed_over;
  }
  EXPECT_GT(handed_over, 0u);
}

TEST_F(EngineTest, ForeignMacIsDroppedOnEveryPacket) {
  send(kLeft, udp(true, 1001));
  Frame forged = udp(true, 1001);
  forged[11] ^= 0x55;
  send(kLeft, forged);
  EXPECT_EQ(out_of(kRight).size(), 1u);
  EXPECT_EQ(dropped(Drop::kSpoofedMac), 1u);
}

TEST_F(EngineTest, ASessionBelongsToItsTwoPlaces) {
  send(kLeft, udp(true, 1002));
  settle();
  Frame stolen = udp(true, 1002);  // the left end's packet, from the right end's port
  kRightMac.store(stolen.data() + 6);
  send(kRight, stolen);
  EXPECT_EQ(dropped(Drop::kSessionWrongPort), 1u);
  EXPECT_EQ(out_of(kRight).size(), 1u);
}

TEST_F(EngineTest, DenialIsRememberedAndCounted) {
  script.decide = deny;
  apply();
  for (int i = 0; i < 5; ++i) send(kLeft, udp(true, 1003));
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 5u);
  EXPECT_TRUE(out_of(kRight).empty());
}

TEST_F(EngineTest, RevokedFlowStopsBeforeItsNextPacketBothWays) {
  send(kLeft, udp(true, 1004));
  EXPECT_EQ(out_of(kRight).size(), 1u);
  send(kRight, udp(false, 1004));
  EXPECT_EQ(out_of(kLeft).size(), 1u);
  // Only what the left opens is denied: the right end's packets of this flow must stop all the same.
  script.decide = [](const FirstPacket& packet, Decision& decision) {
    const bool opened_by_left = (packet.port == kLeft) != packet.reply;
    return opened_by_left ? deny(packet, decision) : deliver_across(packet, decision);
  };
  apply();
  send(kRight, udp(false, 1004));
  send(kLeft, udp(true, 1004));
  send(kRight, udp(false, 1004));
  EXPECT_TRUE(out_of(kLeft).empty());
  EXPECT_TRUE(out_of(kRight).empty());
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 3u);
  apply();  // a later change that does not concern it opens nothing
  send(kRight, udp(false, 1004));
  settle();
  send(kLeft, udp(true, 1004));
  EXPECT_TRUE(out_of(kLeft).empty());
  EXPECT_TRUE(out_of(kRight).empty());
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 5u);
  script.decide = deliver_across;
  apply();
  send(kLeft, udp(true, 1004));
  EXPECT_EQ(out_of(kRight).size(), 1u);
}

TEST_F(EngineTest, UnaffectedSessionKeepsItsDecision) {
  send(kLeft, udp(true, 1005));
  settle();
  script.decide = deny;
  script.changes = false;
  apply();
  send(kLeft, udp(true, 1005));
  EXPECT_EQ(out_of(kRight).size(), 2u);
  send(kLeft, udp(true, 1006));
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 1u);
}

TEST_F(EngineTest, TunnelledPacketGetsItsHeadersAndComesBack) {
  send(kLeft, udp(true, 1007, 20, kFarIp));
  const std::vector<Frame> sent = out_of(kUplink);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].size(), 50 + udp(true, 1007).size());
  EXPECT_EQ(sent[0][14], 0x45);
  // An answer from the peer, as it would be wrapped.
  std::array<uint8_t, 512> buffer;
  const size_t length = packet::Builder(buffer)
                            .ethernet(kRightMac, kLeftMac)
                            .ip(IpAddress::v4(2), IpAddress::v4(1))
                            .udp(50000, 4789)
                            .vxlan(kBlue)
                            .ethernet(kLeftMac, kRightMac)
                            .ip(kFarIp, kLeftIp)
                            .udp(53, 1007)
                            .zeros(8)
                            .finish();
  send(kUplink, {buffer.data(), length});
  EXPECT_EQ(out_of(kLeft).size(), 1u) << dropped(Drop::kIpAddressInvalid) << dropped(Drop::kTunnelMalformed);
}

TEST_F(EngineTest, NothingLeavesForAPeerWithoutAMac) {
  script.decide = [](const FirstPacket& packet, Decision& decision) {
    decision.from.port = packet.port;
    decision.to.port = kUplink;
    decision.to.tunnel = TunnelId(2);
    return Step::next();
  };
  script.mtu = 1500;
  apply();
  send(kLeft, udp(true, 1015));
  EXPECT_TRUE(out_of(kUplink).empty());
  EXPECT_EQ(dropped(Drop::kOverlayNeighbourUnresolved), 1u);
}

TEST_F(EngineTest, TunnelFromAStrangerIsDroppedByName) {
  for (const auto& [source, vni, why] : {std::tuple{"192.0.2.99", 100u, Drop::kTunnelUnknownPeer},
                                         std::tuple{"0.0.0.2", 101u, Drop::kTunnelUnknownVni}}) {
    std::array<uint8_t, 512> buffer;
    const size_t length = packet::Builder(buffer)
                              .ethernet(kRightMac, kLeftMac)
                              .ip(*IpAddress::parse(source), IpAddress::v4(1))
                              .udp(50000, 4789)
                              .vxlan(Vni(vni))
                              .ethernet(kLeftMac, kRightMac)
                              .ip(kFarIp, kLeftIp)
                              .udp(53, 1)
                              .finish();
    send(kUplink, {buffer.data(), length});
    EXPECT_EQ(dropped(why), 1u) << info(why).name;
  }
}

TEST_F(EngineTest, TooBigIsFragmentedOrRefused) {
  script.mtu = 600;
  apply();
  send(kLeft, udp(true, 1008, 1400));
  const std::vector<Frame> pieces = out_of(kRight);
  ASSERT_EQ(pieces.size(), 3u);
  size_t payload = 0;
  for (const Frame& piece : pieces) {
    packet::PacketInfo info;
    packet::parse(piece, kBlue, info);
    EXPECT_NE(info.kind, packet::Kind::kMalformed) << outrigger::info(info.drop).name;
    EXPECT_LE(info.length, 614);
    payload += info.length - 34u;
  }
  EXPECT_EQ(payload, 1408u);
  std::array<uint8_t, 2000> buffer;
  const size_t length = packet::Builder(buffer)
                            .ethernet(kRightMac, kLeftMac)
                            .ip(kLeftIp, kRightIp)
                            .dont_fragment()
                            .udp(1009, 53)
                            .zeros(1400)
                            .finish();
  send(kLeft, {buffer.data(), length});
  EXPECT_EQ(dropped(Drop::kPacketTooBig), 1u);
  EXPECT_EQ(out_of(kLeft).size(), 1u);  // the sender is told
}

TEST_F(EngineTest, FragmentsFollowTheirFirst) {
  const auto piece = [](uint16_t id, uint16_t offset, bool more) {
    std::array<uint8_t, 256> buffer;
    packet::Builder builder(buffer);
    builder.ethernet(kRightMac, kLeftMac).ip(kLeftIp, kRightIp).fragment(id, offset, more);
    if (offset == 0) {
      builder.udp(1010, 53).zeros(40);
    } else {
      builder.protocol(packet::kUdp).zeros(32);
    }
    return Frame(buffer.begin(), buffer.begin() + static_cast<long>(builder.finish()));
  };
  send(kLeft, piece(7, 0, true));
  settle();
  send(kLeft, piece(7, 48, false));
  EXPECT_EQ(out_of(kRight).size(), 2u);
  send(kLeft, piece(8, 48, false));
  EXPECT_EQ(dropped(Drop::kFragmentUnknown), 1u);
}

TEST_F(EngineTest, BroadcastIsCopied) {
  script.decide = [](const FirstPacket&, Decision&) { return Step::replicate(); };
  apply();
  send(kLeft, udp(true, 1011));
  EXPECT_EQ(out_of(kRight).size(), 1u);
  EXPECT_EQ(out_of(kUplink).size(), 1u);
}

TEST_F(EngineTest, AnswersAreLimitedInRate) {
  script.decide = [](const FirstPacket&, Decision&) { return Step::respond(); };
  apply();
  for (uint16_t i = 0; i < 600; ++i) send(kLeft, udp(true, static_cast<uint16_t>(3000 + i)));
  const size_t answered = out_of(kLeft).size();
  EXPECT_GT(answered, 0u);
  EXPECT_EQ(answered + dropped(Drop::kRateLimited), 600u);
  EXPECT_GT(dropped(Drop::kRateLimited), 0u);
}

TEST_F(EngineTest, PublishesUnderTrafficWithoutLoss) {
  size_t received = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 10; ++i) send(kLeft, udp(true, static_cast<uint16_t>(4000 + i)));
    apply();
    received += collect(ports[kRight.value()]).size();
  }
  received += out_of(kRight).size();
  EXPECT_EQ(received, 500u);
}

TEST_F(EngineTest, ExplainUsesThePublishedTables) {
  const Frame frame = udp(true, 1012);
  auto explained = engine->explain(frame, kLeft, kNoTunnel);
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_EQ(explained->step, Step::next());
  EXPECT_EQ(explained->decision.to.port, kRight);
  EXPECT_FALSE(engine->explain(frame, PortId(99), kNoTunnel).ok());
  EXPECT_TRUE(out_of(kRight).empty());  // nothing moved
}

TEST_F(EngineTest, SessionsAreListed) {
  send(kLeft, udp(true, 1013));
  settle();
  bool found = false;
  for (const Session& session : engine->sessions(10000)) {
    if (session.key.a_port != 1013 && session.key.b_port != 1013) continue;
    found = true;
    EXPECT_EQ(session.packets[session.opener], 1u);
    EXPECT_EQ(session.state, SessionState::kNew);
  }
  EXPECT_TRUE(found);
  (void)out_of(kRight);
}

TEST_F(EngineTest, ARefusedUpdateChangesNothing) {
  v1::Update update;
  v1::Port* port = update.mutable_structure()->add_ports();
  port->set_id(9);
  port->set_device("net_nonesuch0");
  EXPECT_FALSE(engine->apply(update.SerializeAsString()).ok());
  EXPECT_FALSE(engine->apply("\xff\xff not an update").ok());
  port->set_device("net_ring_p1");  // under another number: it must not be stopped on the way
  for (const PortId id : {kLeft, kRight, kUplink}) {
    v1::Port* known = update.mutable_structure()->add_ports();
    known->set_id(id.value());
    known->set_device(absl::StrCat("net_ring_p", id.value()));
  }
  std::rotate(update.mutable_structure()->mutable_ports()->begin(),
              update.mutable_structure()->mutable_ports()->begin() + 1,
              update.mutable_structure()->mutable_ports()->end());
  EXPECT_FALSE(engine->apply(update.SerializeAsString()).ok());
  send(kLeft, udp(true, 1014));
  EXPECT_EQ(out_of(kRight).size(), 1u);
}

}  // namespace
}  // namespace outrigger::engine
