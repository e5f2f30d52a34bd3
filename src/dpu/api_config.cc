#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/api.h"
#include "dpu/documents.h"
#include "dpu/secure/methods.h"
#include "dpu/secure/refusals.h"
#include "dpu/secure/tls.h"
#include "dpu/writes.h"
#include "outrigger/v1/config.grpc.pb.h"

namespace outrigger::agent {

namespace {

v1::Outcome to_proto(Outcome outcome) {
  switch (outcome) {
    case Outcome::kUnchanged:
      return v1::UNCHANGED;
    case Outcome::kCreated:
      return v1::CREATED;
    case Outcome::kConfigured:
      return v1::CONFIGURED;
    case Outcome::kDeleted:
      return v1::DELETED;
  }
  return v1::UNCHANGED;
}

void write(const Key& from, v1::Key& to) {
  to.set_kind(from.kind);
  to.set_namespace_(from.ns);
  to.set_name(from.name);
}

enum class Texts { kNo, kYes };

void write(const Change& from, Texts texts, v1::Change& to) {
  write(from.key, *to.mutable_key());
  to.set_outcome(to_proto(from.outcome));
  if (texts == Texts::kNo || from.outcome == Outcome::kUnchanged) return;
  if (from.before != nullptr) to.set_before(from.before->document.text);
  if (from.after != nullptr) to.set_after(from.after->document.text);
}

void write(const manifest::Fault& from, v1::Fault& to) {
  to.set_file(from.at.file);
  to.set_line(static_cast<uint32_t>(from.at.line));
  to.set_object(from.object);
  to.set_field(from.field);
  to.set_problem(from.problem);
}

bool wanted(const v1::GetRequest& request, const Key& key) {
  return (request.kind().empty() || request.kind() == key.kind) &&
         (request.namespace_().empty() || request.namespace_() == key.ns) &&
         (request.name().empty() || request.name() == key.name);
}

void write(const Key& key, const Held& from, v1::Object& to) {
  write(key, *to.mutable_key());
  const manifest::Location& at = manifest::metadata(from.document.object).at;
  to.mutable_document()->set_text(from.document.text);
  to.mutable_document()->set_file(at.file);
  to.mutable_document()->set_line(static_cast<uint32_t>(at.line));
  to.set_generation(from.generation);
}

// The gate lets policy admins call Apply; that it is policies alone they write shows only here.
absl::Status may_write(const Batch& batch, const secure::Caller& caller) {
  if (!caller.identity || caller.identity->role != secure::Role::kPolicyAdmin) return absl::OkStatus();
  std::vector<Key> keys = batch.deletions;
  for (const manifest::Document& document : batch.documents) keys.push_back(key_of(document.object));
  for (const Key& key : keys) {
    if (secure::is_policy_kind(key.kind)) continue;
    return absl::PermissionDeniedError(absl::StrCat("role policy-admin (", caller.actor(), ") may not call ",
                                                    "/outrigger.v1.Config/Apply with a ", key.kind,
                                                    ": policies alone"));
  }
  return absl::OkStatus();
}

class ConfigService : public v1::Config::Service {
 public:
  explicit ConfigService(Agent& agent)
      : agent_(agent), refusals_(agent.events), answers_(agent.notes, "apply-answer") {}

  // One write at a time: what was checked (etag, kinds, request id) holds until it is done.
  grpc::Status Apply(grpc::ServerContext* context, const v1::Batch* batch, v1::Applied* reply) override {
    const std::lock_guard lock(writing_);
    const secure::Caller caller = secure::caller_of(*context);
    const Asked asked = asked_of(*batch, caller.actor());
    const auto done = answers_.find(asked);
    if (!done.ok()) return to_grpc(done.status());
    if (done->has_value() && reply->ParseFromString(**done)) {
      // Of an agent before this one, kept before the engine answered.
      if (reply->epoch() == 0) reply->set_epoch(agent_.state.now()->epoch.value());
      return grpc::Status::OK;
    }
    Batch read = read_batch(*batch);
    if (absl::Status status = check(*batch, read, caller); !status.ok())
      return refused(*batch, caller, status);
    if (batch->validate_only()) return validate(read, reply);
    if (!asked.id.empty()) read.receipt = receipt_for(asked);
    if (absl::Status status = apply(read, caller, reply); !status.ok())
      return refused(*batch, caller, status);
    answers_.remember(asked, reply->SerializeAsString());
    return grpc::Status::OK;
  }

  grpc::Status Plan(grpc::ServerContext*, const v1::Batch* batch, v1::Planned* reply) override {
    const agent::Plan plan = agent_.state.plan(read_batch(*batch));
    for (const Change& change : plan.changes) write(change, Texts::kYes, *reply->add_changes());
    for (const manifest::Fault& fault : plan.faults) write(fault, *reply->add_faults());
    return grpc::Status::OK;
  }

  grpc::Status Get(grpc::ServerContext*, const v1::GetRequest* request, v1::Objects* reply) override {
    const std::shared_ptr<const Snapshot> snapshot = agent_.state.now();
    reply->set_generation(snapshot->generation.value());
    for (const auto& [key, held] : snapshot->objects) {
      if (!wanted(*request, key)) continue;
      v1::Object& object = *reply->add_objects();
      write(key, *held, object);
      const auto refused = snapshot->refused.find(key.str());
      if (refused != snapshot->refused.end()) object.set_refused(refused->second);
    }
    return grpc::Status::OK;
  }

 private:
  Receipt receipt_for(const Asked& asked) const {
    return [this, asked](Generation generation, const std::vector<Change>& changes) {
      v1::Applied answer;
      answer.set_generation(generation.value());
      for (const Change& change : changes) write(change, Texts::kNo, *answer.add_changes());
      return answers_.note(asked, answer.SerializeAsString());
    };
  }

  absl::Status apply(const Batch& batch, const secure::Caller& caller, v1::Applied* reply) {
    const uint64_t before = agent_.state.now()->generation.value();
    const absl::StatusOr<Applied> applied = agent_.state.apply(batch);
    if (!applied.ok()) return applied.status();
    reply->set_generation(applied->snapshot->generation.value());
    reply->set_epoch(applied->snapshot->epoch.value());
    for (const Change& change : applied->changes) write(change, Texts::kNo, *reply->add_changes());
    if (reply->generation() != before) {
      spdlog::info("generation {} in force as epoch {}, {} objects, by {}", reply->generation(),
                   reply->epoch(), applied->snapshot->objects.size(), caller.actor());
    }
    return absl::OkStatus();
  }

  absl::Status check(const v1::Batch& batch, const Batch& read, const secure::Caller& caller) const {
    const uint64_t now = agent_.state.now()->generation.value();
    if (absl::Status status = check_etag("the desired state", absl::StrCat(now), batch.etag()); !status.ok())
      return status;
    return may_write(read, caller);
  }

  grpc::Status validate(const Batch& batch, v1::Applied* reply) const {
    const agent::Plan plan = agent_.state.plan(batch);
    if (!plan.faults.empty()) {
      return to_grpc(absl::InvalidArgumentError(absl::StrCat(
          plan.faults.front().str(), plan.faults.size() > 1 ? "\nand more; Plan has them all" : "")));
    }
    const auto now = agent_.state.now();
    reply->set_generation(now->generation.value());
    reply->set_epoch(now->epoch.value());
    for (const Change& change : plan.changes) write(change, Texts::kNo, *reply->add_changes());
    return grpc::Status::OK;
  }

  grpc::Status refused(const v1::Batch& batch, const secure::Caller& caller, const absl::Status& status) {
    spdlog::warn("apply of {} documents and {} deletions by {} turned down: {}", batch.documents_size(),
                 batch.deletions_size(), caller.actor(), status.ToString());
    if (absl::IsPermissionDenied(status) && caller.identity) {
      refusals_.record(*caller.identity, "/outrigger.v1.Config/Apply", std::string(status.message()),
                       steady_time());
    }
    return to_grpc(status);
  }

  Agent& agent_;
  secure::Refusals refusals_;
  std::mutex writing_;
  StoredAnswers answers_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_config_service(Agent& agent) {
  return std::make_unique<ConfigService>(agent);
}

}  // namespace outrigger::agent
