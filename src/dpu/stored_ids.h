// The compiler's ids in the store: what engines count and sessions refer to by number must mean the same
// after the agent has been restarted.
#pragma once

#include "compiler/compiler.h"
#include "dpu/store.h"

namespace outrigger::agent {

// DataLoss when they are no books the compiler could have written.
absl::StatusOr<compiler::Ids> load_ids(Store& store);
// Only what differs between the two.
absl::Status write_ids(Store::Transaction& transaction, const compiler::Ids& from, const compiler::Ids& to);
bool same_ids(const compiler::Ids& a, const compiler::Ids& b);

}  // namespace outrigger::agent
