#include "dpu/change_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "manifest/check.h"

namespace outrigger::agent {

namespace {

bool same_place(const manifest::Location& a, const manifest::Location& b) {
  return a.file == b.file && a.line == b.line;
}

const manifest::Location& place(const Held& held) { return manifest::metadata(held.document.object).at; }

void remove(const Key& key, Plan& plan) {
  const auto found = plan.objects.find(key);
  if (found == plan.objects.end()) {
    manifest::Fault missing;
    missing.object = key.str();
    missing.problem = "is not in force, so it cannot be deleted";
    plan.faults.push_back(std::move(missing));
    return;
  }
  plan.changes.push_back({key, Outcome::kDeleted, found->second, nullptr});
  plan.objects.erase(found);
}

// An object in force as written keeps its generation; only where its author finds it may have moved.
void upsert(const manifest::Document& document, uint64_t generation, Plan& plan) {
  const Key key = key_of(document.object);
  std::shared_ptr<const Held>& slot = plan.objects[key];
  const std::shared_ptr<const Held> before = slot;
  if (before == nullptr || before->document.text != document.text) {
    slot = std::make_shared<Held>(Held{document, generation});
    plan.changes.push_back({key, before == nullptr ? Outcome::kCreated : Outcome::kConfigured, before, slot});
    return;
  }
  if (!same_place(place(*before), manifest::metadata(document.object).at)) {
    slot = std::make_shared<Held>(Held{document, before->generation});
  }
  plan.changes.push_back({key, Outcome::kUnchanged, before, slot});
}

// What stays, then the batch as written: of two that clash, the batch's is at fault; of a batch's duplicates,
// both are there to be seen.
std::vector<const manifest::Object*> merged(const Plan& plan, const Batch& batch) {
  std::map<Key, const manifest::Object*> from_batch;
  for (const manifest::Document& document : batch.documents)
    from_batch[key_of(document.object)] = &document.object;
  std::vector<const manifest::Object*> all;
  for (const auto& [key, held] : plan.objects) {
    if (!from_batch.contains(key)) all.push_back(&held->document.object);
  }
  for (const manifest::Document& document : batch.documents) all.push_back(&document.object);
  return all;
}

// Nothing to check: it was sound, and is the same.  A document given twice is a fault even so.
bool as_in_force(const Plan& plan) {
  if (!plan.faults.empty() || plan.changes_anything()) return false;
  std::set<Key> seen;
  for (const Change& change : plan.changes) seen.insert(change.key);
  return seen.size() == plan.changes.size();
}

}  // namespace

bool Plan::changes_anything() const {
  return std::any_of(changes.begin(), changes.end(),
                     [](const Change& change) { return change.outcome != Outcome::kUnchanged; });
}

Plan plan_change(const Snapshot& from, const Batch& batch) {
  Plan plan{from.objects, {}, batch.faults};
  for (const Key& key : batch.deletions) remove(key, plan);
  for (const manifest::Document& document : batch.documents) {
    upsert(document, from.generation.value() + 1, plan);
  }
  if (as_in_force(plan)) return plan;
  std::vector<manifest::Fault> more = manifest::check(merged(plan, batch));
  plan.faults.insert(plan.faults.end(), more.begin(), more.end());
  return plan;
}

}  // namespace outrigger::agent
