#include "dpu/explain.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpu/explain_text.h"
#include "dpu/figures.h"
#include "dpu/party.h"
#include "dpu/probe.h"

namespace outrigger::agent {

namespace {

constexpr int kMostHops = 4;  // source, destination, and room for a surprise to show itself

// One explanation being worked out.
class Walk {
 public:
  Walk(Explainer& explainer, std::shared_ptr<const Snapshot> snapshot, Parties parties, const Flow& flow,
       v1::Explanation& out)
      : explainer_(explainer),
        snapshot_(std::move(snapshot)),
        parties_(std::move(parties)),
        flow_(flow),
        out_(out) {}

  absl::Status run() {
    if (parties_.source.endpoint == nullptr) {
      text_nowhere(parties_, out_);
      return absl::OkStatus();
    }
    hop_ = first_hop();
    std::string node = parties_.source.endpoint->node;
    std::string from;  // the node it comes from, by tunnel
    for (int i = 0; i < kMostHops && !node.empty(); ++i) {
      auto next = plain(node) ? at_plain(node, from) : at_dpu(node, from);
      if (!next.ok()) return next.status();
      from = std::exchange(node, *next);
    }
    return absl::OkStatus();
  }

 private:
  bool plain(const std::string& name) const {
    const auto* node = snapshot_->find<manifest::Node>("Node", "", name);
    return node != nullptr && node->kind == manifest::Node::Kind::kPlain;
  }

  // Both on one subnet: straight to the other's MAC; else to the gateway.
  Hop first_hop() const {
    Hop hop{parties_.source.endpoint->mac, gateway(), parties_.source.address, parties_.destination.address};
    for (const manifest::Subnet& subnet : parties_.network->subnets) {
      const bool link = subnet.cidr.contains(hop.source) && subnet.cidr.contains(hop.destination);
      if (link && parties_.destination.endpoint != nullptr && hop.destination != subnet.gateway) {
        hop.destination_mac = parties_.destination.endpoint->mac;
      }
    }
    return hop;
  }

  MacAddress gateway() const {
    for (const auto& network : snapshot_->compiled.structure.networks()) {
      if (network.vni() == parties_.network->vni) return MacAddress::load(network.gateway_mac().data());
    }
    return MacAddress{{2, 0, 0, 0, 0, 1}};
  }

  // Each returns the node the packet goes to next, "" when it goes no further.
  absl::StatusOr<std::string> at_plain(const std::string& node, const std::string& from) {
    if (!from.empty()) {
      text_left_to_plain(node, parties_, out_);
      return "";
    }
    return text_from_plain(node, parties_, out_);
  }

  absl::StatusOr<std::string> at_dpu(const std::string& node, const std::string& from) {
    const bool own = node == explainer_.node();
    const bool here = own && snapshot_->in_force && !snapshot_->by_host;
    if (own && snapshot_->by_host) text_by_host(node, out_);
    std::shared_ptr<const NodeModel> model;
    if (!here || !from.empty()) {
      auto found = explainer_.model(snapshot_, node);
      if (!found.ok()) return found.status();
      model = *std::move(found);
    }
    const compiler::Compiled& compiled = here ? snapshot_->compiled : model->compiled();
    const PortId port =
        from.empty() ? port_of(compiled, name_of(*parties_.source.endpoint)) : uplink_of(compiled);
    TunnelId tunnel = kNoTunnel;
    if (!from.empty()) {
      tunnel = model->tunnel_from(from, Vni(parties_.network->vni));
      if (tunnel == kNoTunnel) return text_no_tunnel(node, from, out_);
    }
    const std::vector<uint8_t> frame = make_probe(flow_, hop_);
    absl::StatusOr<engine::Explanation> why =
        here ? explainer_.ask()(frame, port, tunnel) : model->explain(frame, port, tunnel);
    if (!why.ok()) return why.status();
    if (here) note_engine(*why);
    const Names& names = here ? snapshot_->names : model->names();
    const HopText hop{node, here ? "engine" : "desired_state", compiled, names, *why, parties_};
    std::string next = text_hop(hop, out_);
    if (why->decision.to.routed != 0) routed();
    return next;
  }

  void routed() {
    hop_.source_mac = gateway();
    if (parties_.destination.endpoint != nullptr) hop_.destination_mac = parties_.destination.endpoint->mac;
    --hop_.ttl;
  }

  void note_engine(const engine::Explanation& why) {
    out_.set_epoch(why.epoch.value());
    out_.set_generation(why.generation.value());
    if (!why.session || !out_.session().empty()) return;
    out_.set_session(absl::StrCat(state_name(why.session->state), ", ",
                                  uint64_t{why.session->packets[0]} + why.session->packets[1], " packets"));
  }

  Explainer& explainer_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const Parties parties_;
  const Flow flow_;
  v1::Explanation& out_;
  Hop hop_;
};

}  // namespace

absl::StatusOr<v1::Explanation> Explainer::explain(const v1::ExplainRequest& request,
                                                   const std::shared_ptr<const Snapshot>& snapshot) {
  const absl::StatusOr<Flow> flow = parse_flow(request.protocol(), request.port(), request.source_port());
  if (!flow.ok()) return flow.status();
  auto parties = find_parties(request.source(), request.destination(), *snapshot);
  if (!parties.ok()) return parties.status();
  v1::Explanation out;
  out.set_source(request.source());
  out.set_destination(request.destination());
  out.set_protocol(protocol_name(flow->protocol));
  out.set_port(flow->destination_port);
  out.set_epoch(snapshot->epoch.value());
  out.set_generation(snapshot->generation.value());
  *out.mutable_source_identity() = to_identity(parties->source, *snapshot);
  *out.mutable_destination_identity() = to_identity(parties->destination, *snapshot);
  out.set_verdict("deny");
  if (absl::Status status = Walk(*this, snapshot, *std::move(parties), *flow, out).run(); !status.ok())
    return status;
  return out;
}

absl::StatusOr<std::shared_ptr<const NodeModel>> Explainer::model(
    const std::shared_ptr<const Snapshot>& snapshot, const std::string& node) {
  const std::lock_guard lock(mutex_);
  if (snapshot_ != snapshot) {
    models_.clear();
    snapshot_ = snapshot;
  }
  std::shared_ptr<const NodeModel>& slot = models_[node];
  if (slot != nullptr) return slot;
  auto built = NodeModel::build(*snapshot, node, make_builder_);
  if (!built.ok()) return built.status();
  slot = *std::move(built);
  return slot;
}

}  // namespace outrigger::agent
