// The store's notes for who keeps texts in them (see stored_answers.h), over a connection that several share.
// Thread-safety: any thread, by the lock given.
#pragma once

#include <mutex>

#include "dpu/store.h"
#include "dpu/stored_answers.h"

namespace outrigger::agent {

// Both must outlive it.
NoteMemory notes_in(Store& store, std::mutex& lock);

}  // namespace outrigger::agent
