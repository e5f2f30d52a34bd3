#include "services/policy/table.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/policy/carry_out.h"
#include "services/policy/check.h"
#include "services/policy/state.h"

namespace outrigger::policy {
namespace {

namespace pb = ::outrigger::engine::v1;
using engine::Judgement;

constexpr std::array<const char*, kKinds> kNames = {"policy classes",   "policy subjects",
                                                    "policy selectors", "policy blocks",
                                                    "policy rules",     "policy port prefixes"};

std::array<uint64_t, kKinds> sizes(const Limits& limits) {
  return {limits.classes, limits.subjects, limits.selectors,
          limits.blocks,  limits.rules,    limits.port_prefixes};
}

Judgement judgement(const Order& rule) { return {true, rule.action() == Action::kAllow, rule.id()}; }

// The three tiers in their order.  A class that no NetworkPolicy isolates has no NETWORK tier.
Judgement verdict(const ClassEntry& entry, size_t direction, const Best& best) {
  const auto& [admin, network, baseline] = best;
  if (admin.found() && admin.action() != Action::kPass) return judgement(admin);
  if (entry.isolated[direction]) {
    return network.found() ? judgement(network) : Judgement{true, false, entry.default_rule[direction]};
  }
  return baseline.found() ? judgement(baseline) : Judgement{true, true, kNoRule};
}

}  // namespace

PolicyTable::PolicyTable(const Limits& limits) : state_(std::make_unique<State>()) {
  state_->limits = limits;
}
PolicyTable::~PolicyTable() = default;
PolicyTable::PolicyTable(PolicyTable&&) noexcept = default;
PolicyTable& PolicyTable::operator=(PolicyTable&&) noexcept = default;

absl::Status PolicyTable::apply(const pb::Policy& change, Epoch epoch) {
  Tables fresh;
  Tables& tables = change.replace() ? fresh : state_->tables;
  const absl::StatusOr<Plan> plan = check(tables, change);
  if (!plan.ok()) return plan.status();
  const auto limits = sizes(state_->limits);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    if (plan->after[kind] <= limits[kind]) continue;
    ++state_->gauges[kind].refused;
    return absl::ResourceExhaustedError(
        absl::StrCat(kNames[kind], ": ", plan->after[kind], " are more than ", limits[kind]));
  }
  carry_out(tables, change, *plan, epoch);
  if (change.replace()) {
    fresh.changes.everything(epoch);
    state_->tables = std::move(fresh);
  }
  for (size_t kind = 0; kind < kKinds; ++kind) {
    state_->gauges[kind].high_water = std::max(state_->gauges[kind].high_water, plan->after[kind]);
  }
  return absl::OkStatus();
}

Judgement PolicyTable::judge(Direction direction, EndpointId subject, const Peer& peer, uint8_t protocol,
                             uint16_t port) const {
  const Tables& tables = state_->tables;
  const uint32_t* slot = tables.subjects.find(Tables::subject_key(subject));
  if (slot == nullptr) return {true, true, kNoRule};
  const ClassEntry& entry = tables.classes[*slot];
  const auto way = static_cast<size_t>(direction);
  Best best;
  if (entry.rules[way] != 0) {
    const Owner owner(*slot, way);
    tables.rules.match(owner, 0, protocol, port, best);
    tables.selectors.for_each(
        peer, [&](uint32_t selector) { tables.rules.match(owner, selector, protocol, port, best); });
  }
  return verdict(entry, way, best);
}

bool PolicyTable::changed_since(Direction direction, EndpointId subject, const Peer& peer,
                                Epoch since) const {
  const Tables& tables = state_->tables;
  if (tables.changes.everything_since(since) || tables.changes.subject_since(subject, since)) return true;
  const uint32_t* slot = tables.subjects.find(Tables::subject_key(subject));
  return slot != nullptr &&
         tables.changes.owner_since(Owner(*slot, static_cast<size_t>(direction)), peer, since);
}

std::vector<Capacity> PolicyTable::capacity() const {
  const Tables& tables = state_->tables;
  const auto size = sizes(state_->limits);
  const auto used = tables.used();
  const std::array<uint64_t, kKinds> bytes = {
      tables.slots.bytes() + tables.classes.capacity() * sizeof(ClassEntry) + ChangeLog::bytes(),
      tables.subjects.bytes(),
      tables.selectors.selector_bytes(),
      tables.selectors.block_bytes(),
      tables.rules.cell_bytes(),
      tables.rules.prefix_bytes()};
  std::vector<Capacity> all;
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const Gauge& gauge = state_->gauges[kind];
    all.push_back({kNames[kind], size[kind], used[kind], gauge.high_water, gauge.refused, bytes[kind]});
  }
  return all;
}

}  // namespace outrigger::policy
