// One published set: what vswitch, policy and overlay read, and the walk through them.
#pragma once

#include <memory>

#include "engine/tables.h"
#include "services/overlay/overlay.h"
#include "services/policy/table.h"
#include "services/vswitch/vswitch.h"

namespace outrigger::services {

// What changes only with the topology; shared by every set that has the same one.
struct Topology {
  vswitch::VswitchTable vswitch;
  overlay::OverlayTable overlay;
  std::shared_ptr<const engine::Actions> actions;
  Epoch since;  // the epoch that brought it
};

class ServiceTables : public engine::Tables {
 public:
  ServiceTables(std::shared_ptr<const Topology> topology, const policy::PolicyTable* policy);

  engine::Step decide(const engine::FirstPacket& packet, engine::Decision& decision) const override;
  bool changed_since(const engine::FirstPacket& packet, const engine::End& from, const engine::End& to,
                     Epoch since) const override;
  size_t respond(const engine::FirstPacket& packet, std::span<uint8_t> frame) const override;
  size_t refuse(const engine::FirstPacket& packet, engine::Step::Error error, uint16_t mtu,
                std::span<uint8_t> frame) const override;
  std::vector<Capacity> capacity() const override { return policy_->capacity(); }
  size_t announce(PortId port, std::span<uint8_t> frame) const override;
  size_t receivers(const engine::FirstPacket& packet, std::span<engine::End> out) const override;

 private:
  engine::Step judge(const engine::FirstPacket& packet, engine::Decision& decision) const;
  bool may_send(const engine::FirstPacket& packet, const engine::Decision& source) const;
  bool may_receive(const engine::FirstPacket& packet, const engine::Decision& source,
                   const engine::End& receiver) const;

  std::shared_ptr<const Topology> topology_;
  const policy::PolicyTable* policy_;
};

}  // namespace outrigger::services
