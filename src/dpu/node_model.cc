#include "dpu/node_model.h"

#include <utility>

#include "outrigger/engine/v1/update.pb.h"
#include "packet/parser.h"

namespace outrigger::agent {

absl::StatusOr<std::shared_ptr<const NodeModel>> NodeModel::build(const Snapshot& snapshot,
                                                                  const std::string& node,
                                                                  const MakeBuilder& make_builder) {
  std::shared_ptr<NodeModel> model(new NodeModel());
  compiler::Ids ids;
  auto compiled = compiler::compile(snapshot.all(), node, {"uplink", "endpoint%u"}, ids);
  if (!compiled.ok()) return compiled.status();
  model->compiled_ = *std::move(compiled);
  model->names_ = Names(model->compiled_);
  engine::v1::Update update;
  update.set_generation(snapshot.generation.value());
  *update.mutable_structure() = model->compiled_.structure;
  *update.mutable_policy() = model->compiled_.policy;
  model->builder_ = make_builder();
  auto tables = model->builder_->build(update.SerializeAsString(), Epoch(1));
  if (!tables.ok()) return tables.status();
  model->tables_ = *tables;
  bool learnt = false;
  for (const IpAddress& neighbour : model->builder_->neighbours()) {
    learnt |= model->builder_->learn(neighbour, MacAddress{{2, 0, 0, 0, 0, 1}});
  }
  if (!learnt) return model;
  model->builder_->retire();
  tables = model->builder_->rebuild(Epoch(2));
  if (!tables.ok()) return tables.status();
  model->tables_ = *tables;
  return model;
}

engine::Explanation NodeModel::explain(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) const {
  const engine::Actions& actions = *tables_->actions;
  engine::Explanation why;
  why.generation = tables_->generation;
  packet::PacketInfo info;
  if (tunnel == kNoTunnel && port.value() >= actions.ports.size()) {
    why.step = engine::Step::dropped(Drop::kPortUnbound);
    return why;
  }
  const Vni vni = tunnel == kNoTunnel ? actions.ports[port.value()].vni : actions.tunnels[tunnel.value()].vni;
  packet::parse(frame, vni, info);
  why.kind = info.kind;
  if (info.kind == packet::Kind::kMalformed) {
    why.step = engine::Step::dropped(info.drop);
  } else {
    why.step = tables_->decide({info, frame, port, tunnel}, why.decision);
  }
  return why;
}

TunnelId NodeModel::tunnel_from(const std::string& peer, Vni vni) const {
  for (const auto& one : compiled_.structure.peers()) {
    if (one.name() != peer) continue;
    const auto& tunnels = tables_->actions->tunnels;
    for (size_t i = 1; i < tunnels.size(); ++i) {
      if (tunnels[i].peer.value() == one.id() && tunnels[i].vni == vni)
        return TunnelId(static_cast<uint16_t>(i));
    }
  }
  return kNoTunnel;
}

PortId port_of(const compiler::Compiled& compiled, const std::string& endpoint) {
  for (const auto& one : compiled.structure.endpoints()) {
    if (one.name() == endpoint && one.place_case() == engine::v1::Endpoint::kPort) {
      return PortId(static_cast<uint16_t>(one.port()));
    }
  }
  return kNoPort;
}

}  // namespace outrigger::agent
