#include <algorithm>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "compiler/compiler.h"

namespace outrigger::compiler {

namespace v1 = ::outrigger::engine::v1;

namespace {

uint32_t key(const v1::Class& x) { return x.id(); }
uint32_t key(const v1::Subject& x) { return x.endpoint(); }
uint32_t key(const v1::Selector& x) { return x.id(); }

// Calls set(message) for what is new or changed, and remove(key) for what is gone.
template <typename List, typename Set, typename Remove>
void compare(const List& from, const List& to, Set set, Remove remove) {
  absl::flat_hash_map<uint32_t, const typename List::value_type*> before;
  for (const auto& item : from) before.emplace(key(item), &item);
  for (const auto& item : to) {
    const auto old = before.find(key(item));
    if (old == before.end() || old->second->SerializeAsString() != item.SerializeAsString()) set(item);
    if (old != before.end()) before.erase(old);
  }
  std::vector<uint32_t> gone;
  for (const auto& [id, item] : before) gone.push_back(id);
  std::sort(gone.begin(), gone.end());
  for (const uint32_t id : gone) remove(id);
}

auto fields(const v1::Rule& r) {
  return std::make_tuple(r.id(), r.class_(), static_cast<int>(r.direction()), r.selector(), r.protocol(),
                         r.first_port(), r.last_port(), static_cast<int>(r.tier()),
                         static_cast<int>(r.action()), r.rank());
}

void compare_rules(const v1::Policy& from, const v1::Policy& to, v1::Policy& out) {
  absl::flat_hash_set<decltype(fields(v1::Rule()))> before, after;
  before.reserve(from.add_rules_size());
  after.reserve(to.add_rules_size());
  for (const v1::Rule& rule : from.add_rules()) before.insert(fields(rule));
  for (const v1::Rule& rule : to.add_rules()) {
    if (after.insert(fields(rule)).second && !before.contains(fields(rule))) *out.add_add_rules() = rule;
  }
  for (const v1::Rule& rule : from.add_rules()) {
    if (!after.contains(fields(rule)) && before.erase(fields(rule)) != 0) *out.add_remove_rules() = rule;
  }
}

}  // namespace

v1::Policy difference(const v1::Policy& from, const v1::Policy& to) {
  v1::Policy out;
  compare(
      from.set_classes(), to.set_classes(), [&](const auto& x) { *out.add_set_classes() = x; },
      [&](uint32_t id) { out.add_remove_classes(id); });
  compare(
      from.set_subjects(), to.set_subjects(), [&](const auto& x) { *out.add_set_subjects() = x; },
      [&](uint32_t id) { out.add_remove_subjects(id); });
  compare(
      from.set_selectors(), to.set_selectors(), [&](const auto& x) { *out.add_set_selectors() = x; },
      [&](uint32_t id) { out.add_remove_selectors(id); });
  compare_rules(from, to, out);
  return out;
}

}  // namespace outrigger::compiler
