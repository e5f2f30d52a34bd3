// A document as it crosses the API or lies in the store: its text, and where its author finds it.  Reading it
// must blame that place, not line 1 of a fragment.
#pragma once

#include <string>

#include "dpu/desired_state.h"
#include "manifest/read.h"
#include "outrigger/v1/config.pb.h"

namespace outrigger::agent {

// One document; lines of the object and of faults count from `at`.
manifest::Reading read_document(const std::string& text, const manifest::Location& at);

Batch read_batch(const v1::Batch& batch);

}  // namespace outrigger::agent
