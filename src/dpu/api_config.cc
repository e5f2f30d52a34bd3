#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include "dpu/api.h"
#include "dpu/documents.h"
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

class ConfigService : public v1::Config::Service {
 public:
  explicit ConfigService(Agent& agent) : agent_(agent) {}

  grpc::Status Apply(grpc::ServerContext*, const v1::Batch* batch, v1::Applied* reply) override {
    const uint64_t before = agent_.state.now()->generation.value();
    const absl::StatusOr<Applied> applied = agent_.state.apply(read_batch(*batch));
    if (!applied.ok()) {
      spdlog::warn("apply of {} documents and {} deletions turned down: {}", batch->documents_size(),
                   batch->deletions_size(), applied.status().ToString());
      return to_grpc(applied.status());
    }
    reply->set_generation(applied->snapshot->generation.value());
    reply->set_epoch(applied->snapshot->epoch.value());
    for (const Change& change : applied->changes) write(change, Texts::kNo, *reply->add_changes());
    if (reply->generation() != before) {
      spdlog::info("generation {} in force as epoch {}, {} objects", reply->generation(), reply->epoch(),
                   applied->snapshot->objects.size());
    }
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
      if (wanted(*request, key)) write(key, *held, *reply->add_objects());
    }
    return grpc::Status::OK;
  }

 private:
  Agent& agent_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_config_service(Agent& agent) {
  return std::make_unique<ConfigService>(agent);
}

}  // namespace outrigger::agent
