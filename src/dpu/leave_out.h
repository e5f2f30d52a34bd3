// An engine refuses an update whole.  When its reason names the port of one endpoint, the rest need not wait.
#pragma once

#include <string>

#include "dpu/objects.h"

namespace outrigger::agent {

// Puts the endpoint whose port `error` names into the form it has in `last_good`, or takes it and its port
// out when it is not there.  Its name ("shop/web-1"), or "" when the error names none or that form is what
// was refused.
std::string leave_out(const std::string& error, const Snapshot& last_good, compiler::Compiled& compiled);

}  // namespace outrigger::agent
