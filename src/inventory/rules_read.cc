#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "inventory/builtin_rules.h"
#include "inventory/classify.h"
#include "offload/fields.h"

namespace outrigger::inventory {

using manifest::Map;
using manifest::Spot;

namespace {

constexpr size_t kMaxRules = 1000;
constexpr size_t kMaxPatterns = 1000;

// One word or a list of them.
void take_patterns(const Map& map, std::string_view key, Patterns& to) {
  const std::optional<Spot> at = map.get(key);
  if (!at) return;
  const auto add = [&](const Spot& item) {
    if (auto text = manifest::read_text(item)) to.add(*std::move(text));
  };
  if (at->value().type == manifest::Yaml::Type::kList) {
    manifest::read_list(*at, kMaxPatterns, add);
  } else {
    add(*at);
  }
}

template <typename Words>
void check_word(const Spot& at, std::string_view key, const std::string& word, const Words& known) {
  if (std::find(known.begin(), known.end(), word) == known.end())
    at.fault_at(at.value().line, key,
                absl::StrCat("must be one of ",
                             absl::StrJoin(known, ", ", [](std::string* out, std::string_view one) {
                               out->append(one);
                             })));
}

void read_contract(const Spot& at, offload::Service::Contract& to) {
  const Map map(at, {"health", "version", "logOwner", "fallback"});
  offload::take(map, "health", to.health);
  offload::take(map, "version", to.version);
  offload::take(map, "logOwner", to.log_owner);
  offload::take(map, "fallback", to.fallback);
}

Rule read_rule(const Spot& at) {
  Rule rule;
  const Map map(at, {"name", "program", "unit", "line", "socket", "bpf", "table", "privileged", "task",
                     "latencySensitive", "trafficLocality", "owns", "contract"});
  if (!map.valid()) return rule;
  offload::take(map, "name", rule.name);
  if (rule.name.empty()) at.fault_at(at.value().line, "name", "is missing");
  take_patterns(map, "program", rule.program);
  take_patterns(map, "unit", rule.unit);
  take_patterns(map, "line", rule.line);
  take_patterns(map, "socket", rule.socket);
  take_patterns(map, "bpf", rule.bpf);
  take_patterns(map, "table", rule.table);
  take_patterns(map, "owns", rule.owns);
  if (map.get("privileged")) {
    bool flag = false;
    offload::take(map, "privileged", flag);
    rule.privileged = flag;
  }
  offload::take(map, "task", rule.task);
  check_word(at, "task", rule.task, offload::kTasks);
  offload::take(map, "latencySensitive", rule.latency_sensitive);
  offload::take(map, "trafficLocality", rule.traffic_locality);
  check_word(at, "trafficLocality", rule.traffic_locality, offload::kLocalities);
  if (const auto contract = map.get("contract")) read_contract(*contract, rule.contract);
  return rule;
}

}  // namespace

absl::StatusOr<std::vector<Rule>> parse_rules(std::string_view yaml, const std::string& file) {
  std::vector<Rule> rules;
  const absl::Status status = offload::read_document(yaml, file, "rules", [&](const Spot& root) {
    const Map map(root, {"rules"});
    if (!map.valid()) return;
    if (const auto list = map.need("rules"))
      manifest::read_list(*list, kMaxRules, [&](const Spot& item) { rules.push_back(read_rule(item)); });
  });
  if (!status.ok()) return status;
  return rules;
}

std::string_view builtin_rules_text() { return kBuiltinRules; }

const std::vector<Rule>& builtin_rules() {
  static const std::vector<Rule>& rules = *[] {
    auto parsed = parse_rules(kBuiltinRules, "built-in rules");
    return new std::vector<Rule>(*std::move(parsed));  // a test holds them to parse
  }();
  return rules;
}

}  // namespace outrigger::inventory
