#include <grpcpp/grpcpp.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/api.h"
#include "dpu/once.h"
#include "dpu/secure/tls.h"
#include "dpu/supervise/supervisor.h"
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

constexpr char kBegun[] = "begun from ";

template <typename Request>
Asked asked_of(const Request& request, const std::string& actor) {
  Request bare = request;
  bare.clear_request_id();
  return {actor, request.request_id(), absl::StrCat(Request::descriptor()->name(), bare.SerializeAsString())};
}

class EnginesService : public v1::Engines::Service {
 public:
  EnginesService(Supervisor& supervisor, DesiredState& state, ConsumersFn consumers, NoteMemory notes)
      : supervisor_(supervisor),
        state_(state),
        consumers_(std::move(consumers)),
        answers_(std::move(notes), "engine-answer") {}

  grpc::Status ListEngines(grpc::ServerContext*, const v1::ListEnginesRequest*,
                           v1::EngineList* reply) override {
    reply->set_node(state_.node());
    reply->set_mode(supervisor_.split() ? "split" : "solo");
    for (const EngineView& view : supervisor_.engines()) write(view, *reply->add_engines());
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
      const absl::Status status = supervisor_.preflight(order);
      return status.ok() ? finish(status, "the upgrade may start", steady_time(), stream) : to_grpc(status);
    }
    return change(asked_of(*request, order.actor), stream,
                  absl::StrCat("version ", request->to(), " is active"),
                  [&](const UpgradeProgressFn& progress) { return supervisor_.upgrade(order, progress); });
  }

  grpc::Status Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                        grpc::ServerWriter<v1::UpgradeProgress>* stream) override {
    const std::string actor = caller(*context);
    return change(asked_of(*request, actor), stream, "the version before is active",
                  [&](const UpgradeProgressFn& progress) { return supervisor_.rollback(actor, progress); });
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

  // What is kept while a change is under way is the version it began from: should the agent die, it has
  // happened when another one is active by then, and otherwise nothing has.
  bool happened(const std::string& answer) {
    const size_t begun = answer.starts_with(kBegun) ? sizeof(kBegun) - 1 : 0;
    return begun == 0 || supervisor_.active_version() != answer.substr(begun);
  }

  grpc::Status change(const Asked& asked, Stream* stream, const std::string& done,
                      const std::function<absl::Status(const UpgradeProgressFn&)>& act) {
    const absl::Time began = steady_time();
    bool started = false;
    const std::string key = asked.id.empty() ? "" : absl::StrCat(asked.actor, "\n", asked.id);
    const auto known = answers_.find(asked);
    if (!known.ok()) return to_grpc(known.status());
    const absl::Status status = once_.run(key, [&]() -> absl::Status {
      if (known->has_value() && happened(**known)) return absl::OkStatus();
      answers_.keep(asked, absl::StrCat(kBegun, supervisor_.active_version()));
      const absl::Status made = act([&](const UpgradeStep& step) {
        started |= step.step != "preflight";
        v1::UpgradeProgress progress;
        write(step, began, progress);
        stream->Write(progress);
      });
      if (made.ok()) answers_.keep(asked, done);
      return made;
    });
    if (!status.ok() && !started) return to_grpc(status);
    return finish(status, done, began, stream);
  }

  Supervisor& supervisor_;
  DesiredState& state_;
  ConsumersFn consumers_;
  Once<absl::Status> once_;  // of requests under way
  StoredAnswers answers_;
};

}  // namespace

std::string caller(const grpc::ServerContext& context) { return secure::actor_of(context); }

std::unique_ptr<grpc::Service> make_engines_service(Supervisor& supervisor, DesiredState& state,
                                                    ConsumersFn consumers, NoteMemory notes) {
  return std::make_unique<EnginesService>(supervisor, state, std::move(consumers), std::move(notes));
}

}  // namespace outrigger::agent
