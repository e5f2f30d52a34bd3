#include "services/vswitch/table.h"

#include "services/vswitch/wire.h"

namespace outrigger::vswitch {

VswitchTable::VswitchTable() : state_(std::make_unique<State>()) {}
VswitchTable::~VswitchTable() = default;
VswitchTable::VswitchTable(VswitchTable&&) noexcept = default;
VswitchTable& VswitchTable::operator=(VswitchTable&&) noexcept = default;

const EndpointEntry* VswitchTable::State::in_front_of(const NetworkEntry& network,
                                                      const IpAddress& address) const {
  if (network.prefix_lengths.empty()) return nullptr;
  const SubnetEntry* subnet = network.subnet_of(address);
  const unsigned shortest = subnet != nullptr ? subnet->prefix.length : address.is_v4() ? 96 : 0;
  for (const uint8_t length : network.prefix_lengths) {
    if (length < shortest) break;
    const auto found = behind.find(TableKey::prefix(network.vni, {IpPrefix::mask(address, length), length}));
    if (found != behind.end()) return &endpoints[found->second];
  }
  return nullptr;
}

Ownership VswitchTable::State::ownership(const EndpointEntry& endpoint, const IpAddress& address) const {
  for (const IpAddress& own : addresses_of(endpoint)) {
    if (own == address) return Ownership::kOwn;
  }
  const bool somebodys = owner(network_of(endpoint).vni, address).kind != Owner::Kind::kNobody;
  if (somebodys || address.is_zero() || address.is_multicast() || address.is_broadcast())
    return Ownership::kNone;
  if (is_v6_link_local(address)) return Ownership::kOwn;  // RFC 7217 hosts make one that no table can know
  for (const IpPrefix& prefix : prefixes_of(endpoint)) {
    if (prefix.contains(address) && (prefix.length >= 96 || !address.is_v4())) return Ownership::kBehind;
  }
  return Ownership::kNone;
}

}  // namespace outrigger::vswitch
