// What a batch of manifests would change, before anything is: pure.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "dpu/objects.h"
#include "dpu/stored_answers.h"

namespace outrigger::agent {

struct Change;
// A note to keep with what was applied: both, or none of the two.
using Receipt = std::function<Note(Generation generation, const std::vector<Change>& changes)>;

struct Batch {
  std::vector<manifest::Document> documents;
  std::vector<Key> deletions;           // take effect first
  std::vector<manifest::Fault> faults;  // of documents that could not be read
  Receipt receipt{};                    // may be empty
};

enum class Outcome : uint8_t { kUnchanged, kCreated, kConfigured, kDeleted };

struct Change {
  Key key;
  Outcome outcome = Outcome::kUnchanged;
  std::shared_ptr<const Held> before;  // null when created
  std::shared_ptr<const Held> after;   // null when deleted
};

struct Plan {
  Objects objects;                      // as they would be
  std::vector<Change> changes;          // in the order of the batch
  std::vector<manifest::Fault> faults;  // empty: `objects` is sound
  [[nodiscard]] bool changes_anything() const;
};

// With the faults of the whole as it would be.
Plan plan_change(const Snapshot& from, const Batch& batch);

}  // namespace outrigger::agent
