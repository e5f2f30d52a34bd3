// A node notes by itself what went wrong and for how long a change of its engines interrupted packets.  What
// of it belongs to a run that was measured?  Not what its clock says: that may be another than the host's,
// and either may be set in the middle.  So the node is asked twice, and what it did not know before the run,
// or what happened again, is of the run.
#pragma once

#include <memory>

#include "cli/commands.h"
#include "measure/happened.h"

namespace outrigger::cli {

// Asks the node now; the answer asks it again, and may be called once more or never.  Unavailable and so on
// when the node does not answer.
absl::StatusOr<measure::Since> watch_node(const std::shared_ptr<Api>& api);

}  // namespace outrigger::cli
