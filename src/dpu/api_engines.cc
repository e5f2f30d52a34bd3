#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/steady_time.h"
#include "dpu/api.h"
#include "dpu/secure/tls.h"
#include "dpu/supervise/supervisor.h"
#include "dpu/writes.h"
#include "outrigger/v1/engines.grpc.pb.h"

namespace outrigger::agent {

namespace {

double seconds_since(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(steady_time() - time);
}

void write(const EngineView& from, v1::Engine& to) {
  to.set_version(from.version);
  to.set_path(from.path);
  to.set_state(from.state);
  to.set_pid(from.pid);
  to.set_slot(from.slot);
  to.set_generation(from.generation.value());
  to.set_applied_for(seconds_since(from.applied_at));
  to.set_up_for(seconds_since(from.started_at));
  to.set_session_layout(from.session_layout);
  to.set_failures(from.failures);
  to.set_why(from.why);
  for (const std::string& one : from.enforced) to.add_enforced(one);
  for (const std::string& one : from.not_enforced) to.add_not_enforced(one);
}

void write(const UpgradeStep& from, absl::Time began, v1::UpgradeProgress& to) {
  to.set_step(from.step);
  to.set_message(from.message);
  to.set_seconds(absl::ToDoubleSeconds(steady_time() - began));
  to.set_blackout_us(from.blackout_us);
  to.set_compared(from.shadow.first_packets + from.shadow.sessions);
  for (const engine::Difference& one : from.shadow.differences) {
    v1::DecisionDifference& difference = *to.add_differences();
    difference.set_flow(one.flow);
    difference.set_active(one.active);
    difference.set_shadow(one.shadow);
    difference.set_kind(one.kind);
  }
}

UpgradeOrder order_of(const v1::UpgradeRequest& request, std::string actor) {
  return {request.to(),
          absl::Seconds(request.shadow_seconds()),
          {request.intended().begin(), request.intended().end()},
          request.lose_sessions(),
          std::move(actor),
          request.reason()};
}

// Of what a change of engines depends on: "active=0.1.1@4711,standby=0.1.0@4712".
std::string etag_of(const std::vector<EngineView>& engines) {
  std::vector<std::string> parts;
  for (const EngineView& one : engines) {
    if (one.state == "active" || one.state == "standby")
      parts.push_back(absl::StrCat(one.state, "=", one.version, "@", one.pid));
  }
  std::sort(parts.begin(), parts.end());
  return parts.empty() ? "none" : absl::StrJoin(parts, ",");
}

// Kept as the answer of a change that had begun: what else is kept is how it went well.
constexpr char kFailed[] = "failed: ";

absl::Status outcome_of(const std::string& answer) {
  if (!absl::StartsWith(answer, kFailed)) return absl::OkStatus();
  return absl::InternalError(answer.substr(sizeof(kFailed) - 1));
}

class EnginesService : public v1::Engines::Service {
 public:
  EnginesService(Supervisor& supervisor, DesiredState& state, ConsumersFn consumers, NoteMemory notes)
      : supervisor_(supervisor),
        state_(state),
        consumers_(std::move(consumers)),
        writes_(std::move(notes), "engine-answer") {}

  grpc::Status ListEngines(grpc::ServerContext*, const v1::ListEnginesRequest*,
                           v1::EngineList* reply) override {
    reply->set_node(state_.node());
    reply->set_mode(supervisor_.split() ? "split" : "solo");
    const std::vector<EngineView> engines = supervisor_.engines();
    for (const EngineView& view : engines) write(view, *reply->add_engines());
    reply->set_etag(etag_of(engines));
    if (supervisor_.split()) write(supervisor_.ports(), *reply->mutable_ports());
    return grpc::Status::OK;
  }

  grpc::Status Upgrade(grpc::ServerContext* context, const v1::UpgradeRequest* request,
                       grpc::ServerWriter<v1::UpgradeProgress>* stream) override {
    const UpgradeOrder order = order_of(*request, caller(*context));
    // Nor may it be NaN, a shadow without an end.
    if (!(request->shadow_seconds() >= 0 && request->shadow_seconds() <= 86400))
      return to_grpc(absl::InvalidArgumentError("shadow_seconds must be between 0 and 86400"));
    if (request->validate_only()) {
      absl::Status status = check(request->etag());
      if (status.ok()) status = supervisor_.preflight(order);
      return status.ok() ? finish(status, "the upgrade may start", steady_time(), stream) : to_grpc(status);
    }
    Write write{asked_of(*request, order.actor), request->etag(),
                absl::StrCat("version ", request->to(), " is active")};
    write.act = [&](const UpgradeProgressFn& progress) { return supervisor_.upgrade(order, progress); };
    write.happened = [&](const std::string&) { return supervisor_.active_version() == order.to; };
    return change(write, stream);
  }

  grpc::Status Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                        grpc::ServerWriter<v1::UpgradeProgress>* stream) override {
    if (request->validate_only()) {
      absl::Status status = check(request->etag());
      if (status.ok()) status = supervisor_.may_roll_back();
      return status.ok() ? finish(status, "the rollback may start", steady_time(), stream) : to_grpc(status);
    }
    const std::string actor = caller(*context);
    Write write{asked_of(*request, actor), request->etag(), "the version before is active"};
    write.act = [&](const UpgradeProgressFn& progress) { return supervisor_.rollback(actor, progress); };
    write.happened = [&](const std::string& from) { return supervisor_.active_version() != from; };
    return change(write, stream);
  }

  grpc::Status ListConsumers(grpc::ServerContext*, const v1::ListConsumersRequest*,
                             v1::Consumers* reply) override {
    const uint64_t desired = state_.now()->generation.value();
    reply->set_desired(desired);
    std::vector<ConsumerView> all;
    for (const EngineView& view : supervisor_.engines()) {
      if (view.pid == 0) continue;
      all.push_back({absl::StrCat("engine/", view.version, " (slot ", view.slot, ", ", view.state, ")"),
                     "engine", view.generation, view.applied_at, view.why});
    }
    if (consumers_) {
      for (ConsumerView& more : consumers_()) all.push_back(std::move(more));
    }
    for (const ConsumerView& from : all) {
      v1::Consumer& to = *reply->add_consumers();
      to.set_name(from.name);
      to.set_kind(from.kind);
      to.set_generation(from.generation.value());
      to.set_applied_for(seconds_since(from.applied_at));
      to.set_current(from.generation.value() == desired);
      to.set_error(from.error);
    }
    return grpc::Status::OK;
  }

 private:
  using Stream = grpc::ServerWriter<v1::UpgradeProgress>;
  struct Write {
    Asked asked;
    std::string etag;
    std::string done;  // what there is to say then
    std::function<absl::Status(const UpgradeProgressFn&)> act{};
    // What an agent died at, which had begun with `from` in force.
    std::function<bool(const std::string& from)> happened{};
  };

  absl::Status check(const std::string& etag) {
    if (etag.empty()) return absl::OkStatus();
    return check_etag("the engines", etag_of(supervisor_.engines()), etag);
  }

  // The stream's end says how it went; only what never started is a gRPC error.
  static grpc::Status finish(const absl::Status& status, const std::string& done, absl::Time began,
                             Stream* stream) {
    v1::UpgradeProgress last;
    write({status.ok() ? "done" : "failed", status.ok() ? done : std::string(status.message()), 0, {}}, began,
          last);
    last.set_last(true);
    last.set_ok(status.ok());
    stream->Write(last);
    return grpc::Status::OK;
  }

  // Errors are of changes that never began.
  absl::StatusOr<std::string> act(const Write& write, absl::Time began, Stream* stream) {
    if (absl::Status status = check(write.etag); !status.ok()) return status;
    const std::string from = supervisor_.active_version();
    bool started = false;
    const absl::Status made = write.act([&](const UpgradeStep& step) {
      if (!started && step.step != "preflight") {
        started = true;
        writes_.begin(write.asked, from.empty() ? "none" : from);
      }
      v1::UpgradeProgress progress;
      agent::write(step, began, progress);
      stream->Write(progress);
    });
    if (made.ok()) return write.done;
    if (!started) return made;
    return absl::StrCat(kFailed, std::string(made.message()));
  }

  grpc::Status change(const Write& write, Stream* stream) {
    const absl::Time began = steady_time();
    const auto answer =
        writes_.once(write.asked, [&](const std::string& from) -> absl::StatusOr<std::string> {
          if (!from.empty() && write.happened(from)) return write.done;
          return act(write, began, stream);
        });
    if (!answer.ok()) return to_grpc(answer.status());
    return finish(outcome_of(*answer), *answer, began, stream);
  }

  Supervisor& supervisor_;
  DesiredState& state_;
  ConsumersFn consumers_;
  Writes writes_;
};

}  // namespace

std::string caller(const grpc::ServerContext& context) { return secure::actor_of(context); }

std::unique_ptr<grpc::Service> make_engines_service(Supervisor& supervisor, DesiredState& state,
                                                    ConsumersFn consumers, NoteMemory notes) {
  return std::make_unique<EnginesService>(supervisor, state, std::move(consumers), std::move(notes));
}

}  // namespace outrigger::agent
