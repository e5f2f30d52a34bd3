// The engine against tables made for the purpose: packets go in on rings and are looked at when they come
// out.
#pragma once

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
#include "engine/engine.h"
#include "outrigger/engine/v1/update.pb.h"
#include "packet/builder.h"
#include "packet/parser.h"

namespace outrigger::engine::scripted {

inline constexpr PortId kLeft{1}, kRight{2}, kUplink{3};
inline constexpr Vni kBlue{100};
inline constexpr TunnelId kTunnel{1};
inline const MacAddress kLeftMac{{2, 0, 0, 0, 0, 1}}, kRightMac{{2, 0, 0, 0, 0, 2}};
inline const IpAddress kLeftIp = *IpAddress::parse("10.0.0.1"), kRightIp = *IpAddress::parse("10.0.0.2");
inline const IpAddress kFarIp = *IpAddress::parse("10.0.0.3");

// What the tables of the next publication say.
struct Script {
  std::function<Step(const FirstPacket&, Decision&)> decide;
  bool changes = true;  // changed_since
  uint16_t mtu = 1500;
};
inline Script script;

inline Step deliver_across(const FirstPacket& packet, Decision& decision) {
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

inline Step deny(const FirstPacket&, Decision& decision) {
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
  static inline std::unique_ptr<Engine> engine;
  static inline rte_mempool* pool = nullptr;
  static inline std::array<TestPort, 4> ports;

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

}  // namespace outrigger::engine::scripted
