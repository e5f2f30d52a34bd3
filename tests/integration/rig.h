// A node whose ports are rings: what goes in at an endpoint or the uplink, and what comes out of another. The
// world is the switch's own (services/vswitch/test_world.h).  OUTRIGGER_WORKERS says how many workers it has.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "services/services_fixture.h"

struct rte_mempool;
struct rte_ring;

namespace outrigger::integration {

using namespace ::outrigger::services::test;
using engine::Figures;

struct Fabric {
  IpAddress from = ip("192.0.2.2");
  IpAddress to = ip("192.0.2.1");
  Vni vni = kBlue;
  bool geneve = false;
  bool checksum = false;
};
// `inner` as a peer would send it to this node.
Bytes wrapped(const Bytes& inner, const Fabric& fabric = {});

struct Segment {
  uint16_t from_port = 1000;
  uint16_t to_port = 80;
  uint8_t flags = packet::kSyn;
  uint32_t seq = 100;
  uint32_t ack = 0;
  size_t payload = 0;
};
Bytes tcp(const MacAddress& to, const MacAddress& from, const char* source, const char* destination,
          const Segment& segment);
// An ICMP error "port unreachable" about `flow`, from `source` to the flow's sender.
Bytes error_about(const Bytes& flow, const MacAddress& to, const MacAddress& from, const char* source);

class Rig : public ::testing::Test {
 protected:
  static constexpr uint16_t kPortCount = 8;
  static constexpr uint32_t kSessions = 2048;  // of each worker

  static void SetUpTestSuite();
  void SetUp() override;
  void TearDown() override;  // every buffer is back where it came from

  static unsigned workers();
  static v1::Structure structure();
  void apply(const v1::Update& update);
  void apply(const v1::Structure& structure);
  void apply(const v1::Policy& policy);
  // Web takes nothing in (or sends nothing out), but for what `rules` allow.
  void close(bool ingress, bool egress, const std::vector<v1::Rule>& rules = {});
  void open_again();

  static void send(PortId port, const Bytes& frame);
  static bool try_send(PortId port, const Bytes& frame);
  std::vector<Bytes> out_of(PortId port);  // once everything that went in has been dealt with
  size_t passed(PortId from, const Bytes& frame, PortId to);
  uint64_t dropped(Drop why);  // since the test began, or since it was asked last
  static void settle();
  static std::vector<Bytes> collect(PortId port);
  static Figures figures() { return engine_->figures(); }
  static std::vector<engine::Session> sessions() { return engine_->sessions(1u << 20); }
  static engine::Engine& engine() { return *engine_; }

 private:
  static std::unique_ptr<engine::Engine> engine_;
  std::vector<uint64_t> drops_before_;
};

}  // namespace outrigger::integration
