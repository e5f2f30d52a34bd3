// Manifests in, updates for the engine out: all of a batch or nothing.
//
// Theory of operation.  apply() is validate → plan → build → publish.  The first three are pure: the batch is
// merged into a copy, the whole of it is checked and compiled, and any fault ends it there.  Then, in this
// order:
//   1. a store transaction is opened and written,
//   2. the engine is given the difference (it builds aside, and on error nothing has changed there),
//   3. the transaction is committed (synchronous), and readers see the new snapshot.
// The engine refuses in 2: the transaction is dropped, nothing is stored.  A crash before the end of 3: the
// log has no commit, and the restart puts the previous state in force; the caller was not told otherwise.  A
// crash after it: the restart puts the new one in force.  The disk refuses in 3: the engine is given the
// previous state again, whole.  So neither what was refused can be stored nor what was not stored can stay in
// force.
// One endpoint's device that cannot be opened does not hold up the others: it is left in its last good form
// (or out), marked in Snapshot::refused, and tried again with every change and reconcile(). Thread-safety:
// any number of threads; apply and reconcile wait for each other, now() waits for nobody.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dpu/change_plan.h"
#include "dpu/engine_update.h"
#include "dpu/store.h"

namespace outrigger::agent {

struct Applied {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<Change> changes;
};

// What is not desired but so: nodes whose host carries their traffic, and whether ours does.
struct Detour {
  std::set<std::string> fallen;
  bool yielded = false;
  bool quiet = false;             // ours is about to: no probe is answered any more
  std::set<std::string> leaving;  // have come back to their DPUs a moment ago
  friend bool operator==(const Detour&, const Detour&) = default;
};

// Gives the engine a serialised update; returns when it is in force.
using Publish = std::function<absl::StatusOr<Epoch>(const std::string& update)>;

class DesiredState {
 public:
  // Loads what is stored; puts nothing in force yet.  DataLoss when a stored object cannot be read any more.
  static absl::StatusOr<std::unique_ptr<DesiredState>> load(Store store, std::string node,
                                                            compiler::Devices devices, Publish publish);

  [[nodiscard]] Plan plan(const Batch& batch) const;
  // InvalidArgument carries the first faults, FailedPrecondition what the engine said; nothing has changed
  // then.
  absl::StatusOr<Applied> apply(const Batch& batch);
  // Puts the stored state in force if it is not (at start, or since a device was missing).
  absl::Status reconcile();
  // From now on, whatever is applied; the generation stays.
  absl::Status detour(const Detour& detour);

  [[nodiscard]] std::shared_ptr<const Snapshot> now() const;
  // As now(), when no change is under way that engines may know before readers do; else null.
  [[nodiscard]] std::shared_ptr<const Snapshot> settled();
  [[nodiscard]] const std::string& node() const { return node_; }
  [[nodiscard]] const compiler::Devices& devices() const { return devices_; }

 private:
  DesiredState(Store store, std::string node, compiler::Devices devices, Publish publish);
  absl::StatusOr<Snapshot> compile(Objects objects, Generation generation, compiler::Ids ids) const;
  absl::Status write(Store::Transaction& transaction, const Plan& plan, Generation generation) const;
  absl::StatusOr<Epoch> publish(const Snapshot& next, const Snapshot* from) const;
  absl::StatusOr<Epoch> publish_what_can_be(Snapshot& next, const Snapshot* from) const;
  absl::Status save_ids(const compiler::Ids& ids, const compiler::Ids* stored);
  absl::Status put_in_force(Plan& plan, Snapshot& next, const Receipt& receipt);
  absl::Status keep(const Plan& plan, const Receipt& receipt);
  absl::Status keep_receipt(const Plan& plan, Generation generation, const Receipt& receipt);
  absl::Status reconcile_locked();
  void set(Snapshot next);

  const std::string node_;
  const compiler::Devices devices_;
  const Publish publish_;
  std::mutex applying_;  // held for the length of an apply
  Store store_;          // under applying_
  Detour detour_;        // under applying_
  mutable std::mutex reading_;
  std::shared_ptr<const Snapshot> now_;  // under reading_
};

}  // namespace outrigger::agent
