// The services together, as the engine drives them: updates in, decisions out.  The world is the switch's own
// (vswitch/test_world.h), with peers that can be reached.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "outrigger/engine/v1/update.pb.h"
#include "services/services.h"
#include "services/vswitch/test_world.h"

namespace outrigger::services::test {

namespace v1 = ::outrigger::engine::v1;
using namespace ::outrigger::vswitch::test;
using engine::Decision;
using engine::End;
using engine::Step;

inline const MacAddress kDpuHop{{2, 0, 0, 0, 0, 0xa1}}, kPlainHop{{2, 0, 0, 0, 0, 0xa2}};
inline constexpr uint32_t kAllowAll = 0;  // selector 0 matches every address

inline v1::Structure reachable_world() {
  v1::Structure s = world();
  for (int i = 0; i < 2; ++i) {
    v1::Peer* peer = s.mutable_peers(i);
    peer->set_name(i == 0 ? "dpu" : "plain");
    peer->add_underlay(ip(i == 0 ? "192.0.2.2" : "192.0.2.3").bytes());
    peer->set_mac(bytes(i == 0 ? kDpuHop : kPlainHop));
  }
  return s;
}

inline v1::Class* add_class(v1::Policy& p, uint32_t id, bool ingress, bool egress) {
  v1::Class* entry = p.add_set_classes();
  entry->set_id(id);
  entry->set_ingress_isolated(ingress);
  entry->set_egress_isolated(egress);
  return entry;
}

inline void add_subject(v1::Policy& p, EndpointId endpoint, uint32_t class_id) {
  v1::Subject* subject = p.add_set_subjects();
  subject->set_endpoint(endpoint.value());
  subject->set_class_(class_id);
}

inline void add_selector(v1::Policy& p, uint32_t id, const std::vector<EndpointId>& endpoints) {
  v1::Selector* selector = p.add_set_selectors();
  selector->set_id(id);
  for (const EndpointId endpoint : endpoints) selector->add_endpoints(endpoint.value());
}

inline v1::Rule allow(uint32_t id, uint32_t class_id, v1::Rule::Direction direction, uint32_t selector,
                      uint32_t protocol = 0, uint32_t port = 0) {
  v1::Rule rule;
  rule.set_id(id);
  rule.set_class_(class_id);
  rule.set_direction(direction);
  rule.set_selector(selector);
  rule.set_protocol(protocol);
  rule.set_first_port(port);
  rule.set_last_port(port);
  rule.set_tier(v1::Rule::NETWORK);
  return rule;
}

class Node {
 public:
  Node() : builder_(make_builder()) {}

  // As the engine does it: build, publish, retire.
  absl::Status apply(const v1::Update& update) {
    auto built = builder_->build(update.SerializeAsString(), Epoch(epoch_ + 1));
    if (!built.ok()) return built.status();
    take(*built);
    return absl::OkStatus();
  }
  absl::Status apply(const v1::Structure& structure) {
    v1::Update update;
    *update.mutable_structure() = structure;
    return apply(update);
  }
  absl::Status apply(const v1::Policy& policy) {
    v1::Update update;
    *update.mutable_policy() = policy;
    return apply(update);
  }
  bool learn(const IpAddress& address, const MacAddress& mac) {
    if (!builder_->learn(address, mac)) return false;
    auto built = builder_->rebuild(Epoch(epoch_ + 1));
    EXPECT_TRUE(built.ok());
    take(*built);
    return true;
  }

  // The tunnel through which frames of `vni` from `peer` arrive.
  [[nodiscard]] TunnelId tunnel_from(const char* peer, Vni vni = kBlue) const {
    const auto found = tables().actions->sources.find(engine::TunnelSource{ip(peer), vni.value() << 8});
    return found == tables().actions->sources.end() ? kNoTunnel : found->second;
  }

  Verdict decide(PortId port, TunnelId tunnel, const Bytes& frame, bool reply = false) const {
    const Arrival arrival(port, tunnel, frame, vni(port, tunnel));
    const engine::FirstPacket packet{arrival.info, arrival.frame, port, tunnel, reply};
    Verdict verdict;
    verdict.step = tables().decide(packet, verdict.decision);
    return verdict;
  }
  [[nodiscard]] bool changed(PortId port, TunnelId tunnel, const Bytes& frame, const Decision& decided,
                             Epoch since, bool reply = false) const {
    const Arrival arrival(port, tunnel, frame, vni(port, tunnel));
    const engine::FirstPacket packet{arrival.info, arrival.frame, port, tunnel, reply};
    return tables().changed_since(packet, decided.from, decided.to, since);
  }
  [[nodiscard]] std::vector<End> receivers(PortId port, TunnelId tunnel, const Bytes& frame) const {
    const Arrival arrival(port, tunnel, frame, vni(port, tunnel));
    std::vector<End> ends(64);
    ends.resize(tables().receivers(arrival.packet, ends));
    return ends;
  }

  [[nodiscard]] const engine::Tables& tables() const { return *tables_; }
  [[nodiscard]] Epoch epoch() const { return Epoch(epoch_); }
  [[nodiscard]] std::vector<IpAddress> neighbours() const { return builder_->neighbours(); }

 private:
  void take(const engine::Tables* tables) {
    tables_ = tables;
    ++epoch_;
    EXPECT_EQ(tables->epoch, Epoch(epoch_));
    builder_->retire();
  }
  [[nodiscard]] Vni vni(PortId port, TunnelId tunnel) const {
    const engine::Actions& actions = *tables().actions;
    return tunnel == kNoTunnel ? actions.ports[port.value()].vni : actions.tunnels[tunnel.value()].vni;
  }

  std::unique_ptr<engine::TableBuilder> builder_;
  const engine::Tables* tables_ = nullptr;
  uint32_t epoch_ = 0;
};

}  // namespace outrigger::services::test
