#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "offload/fields.h"
#include "offload/plan.h"

namespace outrigger::offload {

using manifest::Map;
using manifest::Spot;

namespace {

constexpr size_t kMaxRules = 1000;

// One word or a list of them.
void take_words(const Map& map, std::string_view key, std::vector<std::string>& to) {
  const std::optional<Spot> at = map.get(key);
  if (!at) return;
  if (at->value().type == manifest::Yaml::Type::kList) return take(map, key, to);
  if (auto text = manifest::read_text(*at)) to.push_back(*std::move(text));
}

template <size_t N>
void check_words(const Spot& at, std::string_view key, const std::vector<std::string>& words,
                 const std::array<std::string_view, N>& known) {
  for (const std::string& word : words) {
    if (std::find(known.begin(), known.end(), word) == known.end())
      at.fault_at(at.value().line, key, absl::StrCat("\"", word, "\" is not known"));
  }
}

void take_flag(const Map& map, std::string_view key, std::optional<bool>& to) {
  if (!map.get(key)) return;
  bool flag = false;
  take(map, key, flag);
  to = flag;
}

Rule read_rule(const Spot& at) {
  Rule rule;
  const Map map(at, {"name", "task", "trafficLocality", "privileged", "latencySensitive", "then"});
  if (!map.valid()) return rule;
  take(map, "name", rule.name);
  if (rule.name.empty()) at.fault_at(at.value().line, "name", "is missing");
  take_words(map, "task", rule.tasks);
  take_words(map, "trafficLocality", rule.localities);
  check_words(at, "task", rule.tasks, kTasks);
  check_words(at, "trafficLocality", rule.localities, kLocalities);
  take_flag(map, "privileged", rule.privileged);
  take_flag(map, "latencySensitive", rule.latency_sensitive);
  const auto then = map.need("then");
  if (!then) return rule;
  if (const auto choice = manifest::read_choice(*then, {"offload", "keep", "later"}))
    rule.then = static_cast<Verdict>(*choice);
  return rule;
}

void read_capacity(const Spot& at, Capacity& to) {
  const Map map(at, {"cpus", "memoryMiB"});
  take(map, "cpus", to.cpus);
  uint64_t mib = 0;
  take(map, "memoryMiB", mib);
  if (mib > uint64_t{1} << 30) at.fault_at(at.value().line, "memoryMiB", "is more than any DPU has");
  to.memory = mib << 20;
}

}  // namespace

absl::StatusOr<Rules> parse_rules(std::string_view yaml, const std::string& file) {
  Rules rules;
  const absl::Status status = read_document(yaml, file, "rules", [&](const Spot& root) {
    const Map map(root, {"rules", "waveBudget", "manyCalls", "busyApplication", "capacity"});
    if (!map.valid()) return;
    if (const auto list = map.get("rules"))
      manifest::read_list(*list, kMaxRules,
                          [&](const Spot& item) { rules.rules.push_back(read_rule(item)); });
    take(map, "waveBudget", rules.wave_budget);
    if (rules.wave_budget == 0) root.fault_at(root.value().line, "waveBudget", "must be at least 1");
    take(map, "manyCalls", rules.many_calls);
    take(map, "busyApplication", rules.busy_application);
    if (const auto capacity = map.get("capacity")) read_capacity(*capacity, rules.capacity);
  });
  if (!status.ok()) return status;
  return rules;
}

}  // namespace outrigger::offload
