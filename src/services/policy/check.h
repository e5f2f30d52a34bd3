// Everything that can be wrong with a change is found here, before any of it is done: what comes after cannot
// fail.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "outrigger/engine/v1/update.pb.h"
#include "services/policy/state.h"

namespace outrigger::policy {

// A change that is right, in the table's own terms.
struct Plan {
  std::vector<FlatRule> removals;
  std::vector<std::pair<uint32_t, Selector>> selectors;
  std::array<uint64_t, kKinds> after{};  // how much there will be of each kind
};

// A change that has `replace` set is checked against empty tables by the caller.
absl::StatusOr<Plan> check(const Tables& tables, const ::outrigger::engine::v1::Policy& change);

}  // namespace outrigger::policy
