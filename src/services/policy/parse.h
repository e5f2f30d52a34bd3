// Single entries of a change, taken by themselves: their numbers in range, their addresses well formed.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "outrigger/engine/v1/update.pb.h"
#include "services/policy/rule_index.h"
#include "services/policy/selector_index.h"

namespace outrigger::policy {

// Sorted, without repetition; exceptions that can match nothing are left out.
absl::StatusOr<Selector> parse_selector(const ::outrigger::engine::v1::Selector& message);

// Whether each field may have the value it has; says nothing of what the rule refers to.
absl::Status well_formed(const ::outrigger::engine::v1::Rule& rule);

// A well-formed rule, for the class in `slot`.
FlatRule flatten(const ::outrigger::engine::v1::Rule& rule, uint32_t slot);

}  // namespace outrigger::policy
