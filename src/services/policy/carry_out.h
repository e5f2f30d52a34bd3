// Does what was checked.  Cannot fail; costs what the change is long.
#pragma once

#include "outrigger/engine/v1/update.pb.h"
#include "services/policy/check.h"
#include "services/policy/state.h"

namespace outrigger::policy {

void carry_out(Tables& tables, const ::outrigger::engine::v1::Policy& change, const Plan& plan, Epoch epoch);

}  // namespace outrigger::policy
