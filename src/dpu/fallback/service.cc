#include "dpu/fallback/service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/steady_time.h"
#include "outrigger/v1/fallback.grpc.pb.h"

namespace outrigger::agent {
namespace {

constexpr uint32_t kHoldMs = 5000, kLimitMs = 10000, kMostMs = 600000;
constexpr absl::Duration kPoll = absl::Milliseconds(20);

grpc::Status to_grpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

std::string caller(const grpc::ServerContext& context) {
  const auto names = context.auth_context() == nullptr ? std::vector<grpc::string_ref>{}
                                                       : context.auth_context()->GetPeerIdentity();
  return names.empty() ? "the local operator" : std::string(names[0].data(), names[0].size());
}

class Service final : public v1::Fallback::Service {
 public:
  explicit Service(FallbackView view) : view_(std::move(view)) {}

  grpc::Status GetFallback(grpc::ServerContext*, const v1::GetFallbackRequest*,
                           v1::FallbackStatus* reply) override {
    fill(*reply);
    return grpc::Status::OK;
  }

  grpc::Status OrderFallback(grpc::ServerContext* context, const v1::OrderFallbackRequest* request,
                             v1::FallbackStatus* reply) override {
    const std::string& order = request->order();
    if (order != "fall_back" && order != "return") {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              absl::StrCat("order \"", order, "\" is not fall_back or return")};
    }
    const absl::Status status =
        order == "return" ? view_.desk.order_return(caller(*context)) : fall_back(*context);
    if (status.ok()) fill(*reply);
    return to_grpc(status);
  }

  grpc::Status Drill(grpc::ServerContext* context, const v1::DrillRequest* request,
                     grpc::ServerWriter<v1::DrillStep>* steps) override {
    if (drilling_.exchange(true)) return {grpc::StatusCode::ABORTED, "a drill is under way already"};
    absl::Cleanup over = [this] { drilling_ = false; };
    return to_grpc(drill(*context, *request, *steps));
  }

 private:
  using Steps = grpc::ServerWriter<v1::DrillStep>;

  absl::Status fall_back(grpc::ServerContext& context) {
    if (view_.services().empty())
      return absl::FailedPreconditionError("no service's contract allows the host path");
    return view_.desk.order_fall_back(caller(context));
  }

  void fill(v1::FallbackStatus& to) const {
    const HostState host = view_.desk.state();
    to.set_node(view_.node);
    to.set_host_linked(host.linked);
    to.set_state(host.state);
    to.set_since_unix_ms(host.known ? absl::ToUnixMillis(wall_time(host.since)) : 0);
    to.set_order(host.order);
    to.set_bundle_generation(host.bundle_generation);
    to.set_error(host.error);
    for (const std::string& one : host.unfit) to.add_unfit(one);
    to.set_yielded(host.yielded());
    if (!view_.peers_in_force) return;
    for (const std::string& peer : view_.peers_in_force()) to.add_peers_in_force(peer);
  }

  absl::Status drill(grpc::ServerContext& context, const v1::DrillRequest& request, Steps& steps) {
    const std::vector<std::string> services = view_.services();
    if (std::find(services.begin(), services.end(), request.service()) == services.end()) {
      return absl::FailedPreconditionError(
          absl::StrCat("service \"", request.service(),
                       "\" may not fall back on the host; these may: ", absl::StrJoin(services, ", ")));
    }
    const absl::Duration limit = duration(request.limit_ms(), kLimitMs);
    const absl::Time began = steady_time();
    const auto say = [&](const char* step, absl::Time since, std::string message) {
      v1::DrillStep one;
      one.set_step(step);
      one.set_after_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(steady_time() - began)));
      one.set_took_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(steady_time() - since)));
      one.set_message(std::move(message));
      steps.Write(one);
    };
    if (absl::Status status = view_.desk.order_fall_back(absl::StrCat(caller(context), " (drill)"));
        !status.ok())
      return status;
    say("ordered", began, "the host is told to take over");
    // Whatever happens from here on: the DPU gets its work back.
    absl::Cleanup back = [&] { (void)view_.desk.order_return("drill"); };
    if (absl::Status status = wait(context, "active", limit); !status.ok()) return status;
    say("active", began, "the host path carries the traffic");
    const absl::Time until = steady_time() + duration(request.hold_ms(), kHoldMs);
    while (steady_time() < until && !context.IsCancelled()) absl::SleepFor(kPoll);
    const absl::Time returned = steady_time();
    std::move(back).Cancel();
    if (absl::Status status = view_.desk.order_return(absl::StrCat(caller(context), " (drill)"));
        !status.ok())
      return status;
    say("returning", returned, "the host is told to give the traffic back");
    if (absl::Status status = wait(context, "dormant", limit); !status.ok()) return status;
    say("dormant", returned, "the DPU carries the traffic again");
    return absl::OkStatus();
  }

  static absl::Duration duration(uint32_t asked_ms, uint32_t usual_ms) {
    return absl::Milliseconds(asked_ms == 0 ? usual_ms : std::min(asked_ms, kMostMs));
  }

  absl::Status wait(grpc::ServerContext& context, const std::string& state, absl::Duration limit) {
    const absl::Time deadline = steady_time() + limit;
    for (;;) {
      const HostState host = view_.desk.state();
      if (host.state == state) return absl::OkStatus();
      if (context.IsCancelled())
        return absl::CancelledError("the caller went away; the host is told to return");
      if (steady_time() > deadline) {
        return absl::DeadlineExceededError(absl::StrCat("the host is ", host.state, ", not ", state,
                                                        ", after ", absl::FormatDuration(limit),
                                                        host.error.empty() ? "" : ": ", host.error));
      }
      absl::SleepFor(kPoll);
    }
  }

  FallbackView view_;
  std::atomic<bool> drilling_{false};
};

}  // namespace

std::unique_ptr<grpc::Service> make_fallback_service(FallbackView view) {
  return std::make_unique<Service>(std::move(view));
}

}  // namespace outrigger::agent
