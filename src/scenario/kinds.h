// The scenarios: four kinds of work whose tail suffers when a host does its own infrastructure work.  What
// each sends, how often, and the budget that its p99 should keep.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace outrigger::scenario {

enum class Kind : uint8_t { kTailLatency, kGateway, kInferenceEdge, kMultiTenant };

struct Description {
  Kind kind;
  std::string_view name;      // "tail-latency"
  std::string_view summary;   // for people
  std::string_view protocol;  // of its requests, as measure::Work has it
  uint16_t port;
  double rate;       // requests a second
  double budget_ms;  // for p99
};

const std::vector<Description>& all();  // in the order of the list
std::optional<Description> find(std::string_view name);

}  // namespace outrigger::scenario
