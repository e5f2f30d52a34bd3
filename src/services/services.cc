#include "services/services.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "outrigger/engine/v1/update.pb.h"
#include "services/tables.h"

namespace outrigger::services {

namespace v1 = ::outrigger::engine::v1;

namespace {

MacAddress mac_of(const std::string& bytes) {
  return bytes.size() == 6 ? MacAddress::load(bytes.data()) : MacAddress{};
}

// What the fast path indexes: ports by PortId, rewrites by EndpointId, tunnels by TunnelId.
std::shared_ptr<const engine::Actions> describe(const v1::Structure& structure,
                                                const overlay::OverlayTable& overlay) {
  auto actions = std::make_shared<engine::Actions>();
  absl::flat_hash_map<uint32_t, const v1::Network*> networks;
  for (const v1::Network& network : structure.networks()) networks[network.vni()] = &network;
  for (const v1::Port& port : structure.ports()) {
    if (actions->ports.size() <= port.id()) actions->ports.resize(port.id() + 1);
    engine::PortAction& action = actions->ports[port.id()];
    action.role = port.role() == v1::Port::UPLINK ? engine::PortRole::kUplink : engine::PortRole::kUnbound;
    if (port.mtu() != 0) action.mtu = static_cast<uint16_t>(port.mtu());
    if (port.role() == v1::Port::UPLINK) action.mac = overlay::underlay_mac(structure);
  }
  for (const v1::Endpoint& endpoint : structure.endpoints()) {
    if (actions->rewrites.size() <= endpoint.id()) actions->rewrites.resize(endpoint.id() + 1);
    const auto network = networks.find(endpoint.vni());
    const MacAddress gateway =
        network == networks.end() ? MacAddress{} : mac_of(network->second->gateway_mac());
    actions->rewrites[endpoint.id()] = {mac_of(endpoint.mac()), gateway};
    if (endpoint.place_case() != v1::Endpoint::kPort || endpoint.port() >= actions->ports.size()) continue;
    engine::PortAction& action = actions->ports[endpoint.port()];
    action.mac = mac_of(endpoint.mac());
    action.role = engine::PortRole::kEndpoint;
    action.vni = Vni(endpoint.vni());
    action.endpoint = EndpointId(endpoint.id());
    if (network != networks.end() && network->second->mtu() != 0) {
      action.mtu = static_cast<uint16_t>(network->second->mtu());
    }
  }
  overlay.describe(*actions);
  return actions;
}

// Keeps two copies of the policy: workers read one, a change is made to the other, then they trade places and
// the first is brought up to date once nobody reads it.
class Builder : public engine::TableBuilder {
 public:
  Builder() { topology_ = *make_topology(Epoch(0)); }

  absl::StatusOr<const engine::Tables*> build(std::string_view bytes, Epoch epoch) override {
    v1::Update update;
    if (!update.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::InvalidArgumentError("the update is not an outrigger.engine.v1.Update");
    }
    std::shared_ptr<const Topology> topology = topology_;
    v1::Structure previous;
    if (update.has_structure()) {
      previous.Swap(&structure_);
      structure_.Swap(update.mutable_structure());
      overlay::underlay_mac(structure_).store(mutable_mac());
      auto made = make_topology(epoch);
      if (!made.ok()) {
        structure_.Swap(&previous);
        return made.status();
      }
      topology = *std::move(made);
    }
    if (update.has_policy()) {
      if (absl::Status status = policy_[1 - active_].apply(update.policy(), epoch); !status.ok()) {
        if (update.has_structure()) structure_.Swap(&previous);
        return status;
      }
      pending_ = std::move(*update.mutable_policy());
      pending_epoch_ = epoch;
      active_ = 1 - active_;
    }
    generation_ = Generation(update.generation());
    topology_ = std::move(topology);
    return publish(epoch);
  }

  void retire() override {
    previous_.reset();
    if (!pending_) return;
    // It was accepted once by an equal table, so it is accepted again.
    if (absl::Status status = policy_[1 - active_].apply(*pending_, pending_epoch_); !status.ok())
      std::abort();
    pending_.reset();
  }

  std::vector<IpAddress> neighbours() const override { return topology_->overlay.next_hops(); }

  bool learn(IpAddress neighbour, const MacAddress& mac) override {
    const auto [known, is_new] = neighbours_.try_emplace(neighbour, mac);
    if (!is_new && known->second == mac) return false;
    known->second = mac;
    return true;
  }

  absl::StatusOr<const engine::Tables*> rebuild(Epoch epoch) override {
    auto made = make_topology(epoch);
    if (!made.ok()) return made.status();
    topology_ = *std::move(made);
    return publish(epoch);
  }

 private:
  char* mutable_mac() {
    structure_.mutable_underlay_mac()->resize(6);
    return structure_.mutable_underlay_mac()->data();
  }

  absl::StatusOr<std::shared_ptr<const Topology>> make_topology(Epoch epoch) const {
    auto vswitch = vswitch::VswitchTable::build(structure_);
    if (!vswitch.ok()) return vswitch.status();
    auto overlay = overlay::OverlayTable::build(structure_, neighbours_);
    if (!overlay.ok()) return overlay.status();
    auto actions = describe(structure_, *overlay);
    return std::make_shared<const Topology>(
        Topology{*std::move(vswitch), *std::move(overlay), std::move(actions), epoch});
  }

  const engine::Tables* publish(Epoch epoch) {
    previous_ = std::exchange(current_, std::make_unique<ServiceTables>(topology_, &policy_[active_]));
    current_->epoch = epoch;
    current_->generation = generation_;
    return current_.get();
  }

  v1::Structure structure_;
  Generation generation_;
  overlay::Neighbours neighbours_;
  std::shared_ptr<const Topology> topology_;
  std::array<policy::PolicyTable, 2> policy_;
  size_t active_ = 0;
  std::optional<v1::Policy> pending_;
  Epoch pending_epoch_;
  std::unique_ptr<ServiceTables> current_;
  std::unique_ptr<ServiceTables> previous_;
};

}  // namespace

std::unique_ptr<engine::TableBuilder> make_builder() { return std::make_unique<Builder>(); }

}  // namespace outrigger::services
