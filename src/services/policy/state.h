// What a table holds, and the figures it reports.  Only the files of this folder see it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "services/policy/change_log.h"
#include "services/policy/flat_map.h"
#include "services/policy/rule_index.h"
#include "services/policy/selector_index.h"
#include "services/policy/table.h"

namespace outrigger::policy {

struct ClassEntry {
  uint32_t id = 0;
  std::array<bool, 2> isolated{};  // by direction
  std::array<RuleId, 2> default_rule{};
  std::array<uint32_t, 2> rules{};  // how many it has
  uint32_t subjects = 0;            // how many endpoints are judged by it
};

// One line of the capacity contract, beside what is in use now.
struct Gauge {
  uint64_t high_water = 0;
  uint64_t refused = 0;
};
enum class Kind : uint8_t { kClasses, kSubjects, kSelectors, kBlocks, kRules, kPortPrefixes };
inline constexpr size_t kKinds = 6;

struct Tables {
  FlatMap<uint64_t, uint32_t> slots;  // class id -> index in classes
  std::vector<ClassEntry> classes;
  std::vector<uint32_t> free_slots;
  FlatMap<uint64_t, uint32_t> subjects;  // subject_key -> index in classes
  SelectorIndex selectors;
  RuleIndex rules;
  ChangeLog changes;

  static uint64_t subject_key(EndpointId endpoint) { return uint64_t{endpoint.value()} + 1; }
  [[nodiscard]] const ClassEntry* class_of(uint32_t id) const {
    const uint32_t* slot = slots.find(id);
    return slot == nullptr ? nullptr : &classes[*slot];
  }
  [[nodiscard]] std::array<uint64_t, kKinds> used() const {
    return {slots.size(),         subjects.size(), selectors.size(),
            selectors.prefixes(), rules.rules(),   rules.prefixes()};
  }
};

struct PolicyTable::State {
  Limits limits;
  Tables tables;
  std::array<Gauge, kKinds> gauges{};
};

}  // namespace outrigger::policy
