#include "services/policy/parse.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::policy {
namespace {

namespace pb = ::outrigger::engine::v1;
constexpr uint32_t kRanks = 1u << 24;

absl::Status bad(const char* what, uint32_t id, const auto&... why) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", id, ": ", why...));
}

absl::StatusOr<IpPrefix> parse_prefix(uint32_t selector, const pb::Prefix& message) {
  const std::optional<IpAddress> address = IpAddress::from_bytes(message.address());
  if (!address)
    return bad("selector", selector, "an address of ", message.address().size(), " bytes, not 16");
  if (message.length() > 128)
    return bad("selector", selector, "prefix length ", message.length(), " is above 128");
  const auto length = static_cast<uint8_t>(message.length());
  if (IpPrefix::mask(*address, length) != *address) {
    return bad("selector", selector, "prefix ", address->str(), " has bits beyond its length ",
               message.length());
  }
  return IpPrefix{*address, length};
}

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// Sorted, a prefix comes before those inside it.
void drop_nested(std::vector<IpPrefix>& prefixes) {
  sort_unique(prefixes);
  std::vector<IpPrefix> apart;
  for (const IpPrefix& prefix : prefixes) {
    if (apart.empty() || !apart.back().contains(prefix)) apart.push_back(prefix);
  }
  prefixes = std::move(apart);
}

absl::StatusOr<Block> parse_block(uint32_t selector, const pb::Block& message) {
  const absl::StatusOr<IpPrefix> cidr = parse_prefix(selector, message.cidr());
  if (!cidr.ok()) return cidr.status();
  Block block{*cidr, {}};
  for (const pb::Prefix& except : message.except()) {
    const absl::StatusOr<IpPrefix> prefix = parse_prefix(selector, except);
    if (!prefix.ok()) return prefix.status();
    if (prefix->is_v4() == cidr->is_v4()) block.excepts.push_back(*prefix);
  }
  drop_nested(block.excepts);
  return block;
}

Action action_of(const pb::Rule& rule) {
  switch (rule.action()) {
    case pb::Rule::ALLOW:
      return Action::kAllow;
    case pb::Rule::PASS:
      return Action::kPass;
    default:
      return Action::kDeny;
  }
}

// What a tier cannot do: NETWORK rules only allow, BASELINE has nobody to pass to.
bool fits(pb::Rule::Tier tier, pb::Rule::Action action) {
  if (tier == pb::Rule::NETWORK) return action == pb::Rule::ALLOW;
  return tier != pb::Rule::BASELINE || action != pb::Rule::PASS;
}

}  // namespace

absl::StatusOr<Selector> parse_selector(const pb::Selector& message) {
  Selector selector;
  for (const uint32_t endpoint : message.endpoints()) {
    if (EndpointId{endpoint} == kNoEndpoint)
      return bad("selector", message.id(), endpoint, " is no endpoint");
    selector.endpoints.emplace_back(endpoint);
  }
  for (const pb::Block& block : message.blocks()) {
    absl::StatusOr<Block> parsed = parse_block(message.id(), block);
    if (!parsed.ok()) return parsed.status();
    selector.blocks.push_back(*std::move(parsed));
  }
  sort_unique(selector.endpoints);
  sort_unique(selector.blocks);
  return selector;
}

absl::Status well_formed(const pb::Rule& rule) {
  const uint32_t id = rule.id();
  if (id == 0) return bad("rule", id, "ids begin at 1");
  if (!pb::Rule::Direction_IsValid(rule.direction()))
    return bad("rule", id, "direction ", int{rule.direction()});
  if (!pb::Rule::Tier_IsValid(rule.tier())) return bad("rule", id, "tier ", int{rule.tier()});
  if (!pb::Rule::Action_IsValid(rule.action())) return bad("rule", id, "action ", int{rule.action()});
  if (!fits(rule.tier(), rule.action())) {
    return bad("rule", id, "tier ", pb::Rule::Tier_Name(rule.tier()), " has no action ",
               pb::Rule::Action_Name(rule.action()));
  }
  if (rule.rank() >= kRanks) return bad("rule", id, "rank ", rule.rank(), " is not below ", kRanks);
  if (rule.protocol() > 0xff) return bad("rule", id, "protocol ", rule.protocol(), " is above 255");
  if (rule.last_port() > 0xffff) return bad("rule", id, "port ", rule.last_port(), " is above 65535");
  if (rule.first_port() > rule.last_port()) {
    return bad("rule", id, "ports ", rule.first_port(), "-", rule.last_port(), " are reversed");
  }
  return absl::OkStatus();
}

FlatRule flatten(const pb::Rule& rule, uint32_t slot) {
  const Order order(static_cast<Tier>(rule.tier()), rule.rank(), action_of(rule), RuleId{rule.id()});
  return {Owner(slot, static_cast<size_t>(rule.direction())),
          rule.selector(),
          static_cast<uint8_t>(rule.protocol()),
          static_cast<uint16_t>(rule.first_port()),
          static_cast<uint16_t>(rule.last_port()),
          order};
}

}  // namespace outrigger::policy
