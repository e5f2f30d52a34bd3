// An event is kept as a log record, and what a host ships are records alone: so each can be made of the
// other. What of a host's record is believed is decided here.
#pragma once

#include <cstdint>

#include "base/record.h"
#include "dpu/journal/events.h"

namespace outrigger::agent {

Record record_of(const Event& event);
// Of a host's record; of kind kNote unless it tells one that a host may form incidents of.
Event event_of(const Record& record);
// A host says by its own clock when something was: when it was by ours.
int64_t monotonic_on_host(const Record& record);

}  // namespace outrigger::agent
