#include "dpu/desired_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "compiler/peer_fallback.h"
#include "dpu/documents.h"
#include "dpu/engine_update.h"
#include "dpu/leave_out.h"
#include "dpu/stored_ids.h"

namespace outrigger::agent {

namespace {

constexpr size_t kFaultsInMessage = 20;  // Plan has all of them
constexpr size_t kMostRefused = 64;      // endpoints left out; more is no single fault

absl::Status refusal(const std::vector<manifest::Fault>& faults) {
  std::string text;
  for (size_t i = 0; i < std::min(faults.size(), kFaultsInMessage); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "\n", faults[i].str());
  }
  if (faults.size() > kFaultsInMessage)
    absl::StrAppend(&text, "\nand ", faults.size() - kFaultsInMessage, " more");
  return absl::InvalidArgumentError(text);
}

StoredObject stored(const Key& key, const Held& held) {
  const manifest::Location& at = manifest::metadata(held.document.object).at;
  return {key.kind, key.ns, key.name, held.document.text, at.file, at.line, held.generation};
}

}  // namespace

DesiredState::DesiredState(Store store, std::string node, compiler::Devices devices, Publish publish)
    : node_(std::move(node)),
      devices_(std::move(devices)),
      publish_(std::move(publish)),
      store_(std::move(store)) {}

absl::StatusOr<std::unique_ptr<DesiredState>> DesiredState::load(Store store, std::string node,
                                                                 compiler::Devices devices, Publish publish) {
  const absl::StatusOr<std::vector<StoredObject>> rows = store.load();
  if (!rows.ok()) return rows.status();
  const absl::StatusOr<uint64_t> generation = store.generation();
  if (!generation.ok()) return generation.status();
  Objects objects;
  for (const StoredObject& row : *rows) {
    manifest::Reading reading = read_document(row.text, {row.file, row.line});
    if (!reading.faults.empty() || reading.documents.size() != 1) {
      return absl::DataLossError(absl::StrCat(
          "stored ", row.kind, " ", row.name, " cannot be read any more: ",
          reading.faults.empty() ? "not one document" : reading.faults.front().str(),
          "; run the outriggerd that wrote it, or start with another --state and apply the manifests again"));
    }
    objects[{row.kind, row.ns, row.name}] =
        std::make_shared<Held>(Held{std::move(reading.documents.front()), row.generation});
  }
  std::unique_ptr<DesiredState> state(
      new DesiredState(std::move(store), std::move(node), std::move(devices), std::move(publish)));
  const absl::StatusOr<compiler::Ids> ids = load_ids(state->store_);
  if (!ids.ok()) return ids.status();
  absl::StatusOr<Snapshot> snapshot = state->compile(std::move(objects), Generation(*generation), *ids);
  if (!snapshot.ok()) return snapshot.status();
  // A store of before ids were kept, or a compiler that names things in another way.
  if (absl::Status status = state->save_ids(snapshot->ids, &*ids); !status.ok()) return status;
  state->set(*std::move(snapshot));
  return state;
}

std::shared_ptr<const Snapshot> DesiredState::now() const {
  const std::lock_guard lock(reading_);
  return now_;
}

std::shared_ptr<const Snapshot> DesiredState::settled() {
  const std::unique_lock lock(applying_, std::try_to_lock);
  return lock.owns_lock() ? now() : nullptr;
}

absl::Status DesiredState::save_ids(const compiler::Ids& ids, const compiler::Ids* stored) {
  if (same_ids(ids, *stored)) return absl::OkStatus();
  absl::StatusOr<Store::Transaction> transaction = store_.begin();
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = write_ids(*transaction, *stored, ids); !status.ok()) return status;
  return transaction->commit();
}

void DesiredState::set(Snapshot next) {
  auto shared = std::make_shared<const Snapshot>(std::move(next));
  const std::lock_guard lock(reading_);
  now_ = std::move(shared);
}

Plan DesiredState::plan(const Batch& batch) const { return plan_change(*now(), batch); }

absl::StatusOr<Snapshot> DesiredState::compile(Objects objects, Generation generation,
                                               compiler::Ids ids) const {
  Snapshot next;
  next.generation = generation;
  next.objects = std::move(objects);
  next.ids = std::move(ids);
  absl::StatusOr<compiler::Compiled> compiled = compiler::compile(next.all(), node_, devices_, next.ids);
  next.node_known = compiled.ok();
  if (absl::IsNotFound(compiled.status())) {
    // Nobody has said what this node is yet, or no more: it carries nothing.
    compiled = compiler::Compiled();
    compiled->structure.set_node(node_);
    compiled->policy.set_replace(true);
    next.ids = {};
  }
  if (!compiled.ok()) return compiled.status();
  compiler::apply_fallback(next.all(), detour_.fallen, detour_.leaving, next.ids, compiled->structure);
  next.straight = std::make_shared<const compiler::Compiled>(*compiled);
  next.by_host = detour_.yielded;
  if (next.by_host) compiler::yield(compiled->structure);
  if (detour_.quiet) compiler::be_quiet(compiled->structure);
  next.compiled = *std::move(compiled);
  next.names = Names(next.compiled);
  next.digest = digest_of(next.compiled);
  return next;
}

absl::StatusOr<Epoch> DesiredState::publish(const Snapshot& next, const Snapshot* from) const {
  return publish_(update_for(next, from));
}

// What the engine refuses for the sake of one endpoint's device is tried again without that endpoint.
absl::StatusOr<Epoch> DesiredState::publish_what_can_be(Snapshot& next, const Snapshot* from) const {
  const std::shared_ptr<const Snapshot> last_good = now();
  for (;;) {
    absl::StatusOr<Epoch> epoch = publish(next, from);
    if (epoch.ok() || absl::IsUnavailable(epoch.status()) || next.refused.size() >= kMostRefused)
      return epoch;
    const std::string endpoint = leave_out(std::string(epoch.status().message()), *last_good, next.compiled);
    if (endpoint.empty()) return epoch;
    next.refused["Endpoint " + endpoint] = std::string(epoch.status().message());
    next.digest = digest_of(next.compiled);
  }
}

absl::Status DesiredState::write(Store::Transaction& transaction, const Plan& plan,
                                 Generation generation) const {
  for (const Change& change : plan.changes) {
    if (change.after == change.before) continue;
    const absl::Status status = change.after == nullptr
                                    ? transaction.remove(change.key.kind, change.key.ns, change.key.name)
                                    : transaction.put(stored(change.key, *change.after));
    if (!status.ok()) return status;
  }
  return transaction.set_generation(generation.value());
}

// Part of the transaction that is open, if one is.
absl::Status DesiredState::keep_receipt(const Plan& plan, Generation generation, const Receipt& receipt) {
  if (!receipt) return absl::OkStatus();
  const Note note = receipt(generation, plan.changes);
  return store_.put_note(note.topic, note.name, note.text);
}

// Steps 1 to 3 of the header.
absl::Status DesiredState::put_in_force(Plan& plan, Snapshot& next, const Receipt& receipt) {
  const std::shared_ptr<const Snapshot> previous = now();
  absl::StatusOr<Store::Transaction> transaction = store_.begin();
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = write(*transaction, plan, next.generation); !status.ok()) return status;
  if (absl::Status status = write_ids(*transaction, previous->ids, next.ids); !status.ok()) return status;
  if (absl::Status status = keep_receipt(plan, next.generation, receipt); !status.ok()) return status;
  if (absl::Status status = transaction->write_out(); !status.ok()) return status;
  const absl::StatusOr<Epoch> epoch = publish_what_can_be(next, previous.get());
  if (!epoch.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("the engine refused it: ", epoch.status().message()));
  }
  const absl::Status committed = transaction->commit();
  if (committed.ok()) {
    next.epoch = *epoch;
    next.in_force = true;
    next.in_force_since = steady_time();
    return absl::OkStatus();
  }
  const absl::StatusOr<Epoch> restored = publish(*previous, nullptr);
  Snapshot before = *previous;
  before.in_force = restored.ok();
  if (restored.ok()) before.epoch = *restored;
  set(std::move(before));
  return absl::Status(
      committed.code(),
      absl::StrCat(committed.message(), restored.ok() ? "; the previous state is in force again" : ""));
}

absl::StatusOr<Applied> DesiredState::apply(const Batch& batch) {
  const std::lock_guard lock(applying_);
  Plan plan = this->plan(batch);
  if (!plan.faults.empty()) return refusal(plan.faults);
  const std::shared_ptr<const Snapshot> previous = now();
  if (!plan.changes_anything()) {
    if (absl::Status status = keep(plan, batch.receipt); !status.ok()) return status;
    return Applied{now(), std::move(plan.changes)};
  }
  const Generation generation(previous->generation.value() + 1);
  absl::StatusOr<Snapshot> next = compile(plan.objects, generation, previous->ids);
  if (!next.ok()) return next.status();
  if (absl::Status status = put_in_force(plan, *next, batch.receipt); !status.ok()) return status;
  set(*std::move(next));
  return Applied{now(), std::move(plan.changes)};
}

// Nothing changed but, perhaps, where documents are found: the engine need not know.
absl::Status DesiredState::keep(const Plan& plan, const Receipt& receipt) {
  const std::shared_ptr<const Snapshot> previous = now();
  if (absl::Status status = keep_receipt(plan, previous->generation, receipt); !status.ok()) return status;
  if (plan.objects != previous->objects) {
    absl::StatusOr<Store::Transaction> transaction = store_.begin();
    if (!transaction.ok()) return transaction.status();
    if (absl::Status status = write(*transaction, plan, previous->generation); !status.ok()) return status;
    if (absl::Status status = transaction->commit(); !status.ok()) return status;
    Snapshot moved = *previous;
    moved.objects = plan.objects;
    set(std::move(moved));
  }
  return reconcile_locked();
}

absl::Status DesiredState::reconcile() {
  const std::lock_guard lock(applying_);
  return reconcile_locked();
}

absl::Status DesiredState::detour(const Detour& detour) {
  const std::lock_guard lock(applying_);
  if (detour == detour_) return absl::OkStatus();
  detour_ = detour;
  const std::shared_ptr<const Snapshot> before = now();
  if (before->generation.value() == 0) return absl::OkStatus();
  Snapshot stale = *before;
  stale.in_force = false;  // until the engine has taken it, it is tried again
  set(std::move(stale));
  return reconcile_locked();
}

absl::Status DesiredState::reconcile_locked() {
  const std::shared_ptr<const Snapshot> stored = now();
  const bool whole = stored->in_force && stored->refused.empty();
  if (whole || stored->generation.value() == 0) return absl::OkStatus();
  absl::StatusOr<Snapshot> compiled = compile(stored->objects, stored->generation, stored->ids);
  if (!compiled.ok()) return compiled.status();
  Snapshot next = *std::move(compiled);
  const absl::StatusOr<Epoch> epoch = publish_what_can_be(next, nullptr);
  if (!epoch.ok()) return epoch.status();
  next.epoch = *epoch;
  next.in_force = true;
  const bool before = stored->in_force_since != absl::InfinitePast();  // the same with another detour
  next.in_force_since = before ? stored->in_force_since : steady_time();
  set(std::move(next));
  return absl::OkStatus();
}

}  // namespace outrigger::agent
