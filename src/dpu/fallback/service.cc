#include "dpu/fallback/service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/steady_time.h"
#include "dpu/fallback/drill.h"
#include "dpu/secure/tls.h"
#include "dpu/writes.h"
#include "outrigger/v1/fallback.grpc.pb.h"

namespace outrigger::agent {
namespace {

constexpr uint32_t kHoldMs = 5000, kLimitMs = 10000, kMostMs = 600000;

grpc::Status to_grpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::Duration duration(uint32_t asked_ms, uint32_t usual_ms) {
  return absl::Milliseconds(asked_ms == 0 ? usual_ms : std::min(asked_ms, kMostMs));
}

class Service final : public v1::Fallback::Service {
 public:
  explicit Service(FallbackView view) : view_(std::move(view)), writes_(view_.notes, "fallback-answer") {}

  grpc::Status GetFallback(grpc::ServerContext*, const v1::GetFallbackRequest*,
                           v1::FallbackStatus* reply) override {
    fill(*reply);
    return grpc::Status::OK;
  }

  grpc::Status OrderFallback(grpc::ServerContext* context, const v1::OrderFallbackRequest* request,
                             v1::FallbackStatus* reply) override {
    const std::string actor = secure::actor_of(*context);
    if (request->validate_only()) {
      const absl::Status status = order(*request, actor);
      if (status.ok()) fill(*reply);
      return to_grpc(status);
    }
    const auto answer = writes_.once(asked_of(*request, actor), [&](const std::string&) {
      const absl::Status status = order(*request, actor);
      v1::FallbackStatus made;
      if (status.ok()) fill(made);
      return status.ok() ? made.SerializeAsString() : absl::StatusOr<std::string>(status);
    });
    if (answer.ok()) reply->ParseFromString(*answer);
    return to_grpc(answer.status());
  }

  grpc::Status Drill(grpc::ServerContext* context, const v1::DrillRequest* request,
                     grpc::ServerWriter<v1::DrillStep>* steps) override {
    const std::string actor = absl::StrCat(secure::actor_of(*context), " (drill)");
    if (request->validate_only()) return validate(*request, actor, *steps);
    bool told = false;
    const Asked asked = asked_of(*request, actor);
    const auto answer = writes_.once(asked, [&](const std::string& begun) {
      if (!begun.empty()) return absl::StatusOr<std::string>(cut_short().text());
      return drill(*context, *request, asked, [&](const v1::DrillStep& step) {
        told = true;
        steps->Write(step);
      });
    });
    if (!answer.ok()) return to_grpc(answer.status());
    const DrillRecord record = DrillRecord::parse(*answer);
    for (const v1::DrillStep& step : record.steps) {
      if (!told) steps->Write(step);
    }
    return to_grpc(record.status);
  }

 private:
  using Say = std::function<void(const v1::DrillStep&)>;

  absl::Status order(const v1::OrderFallbackRequest& request, const std::string& actor) {
    const OrderTerms terms{.etag = request.etag(), .check_only = request.validate_only()};
    if (request.order() == "return") return view_.desk.order_return(actor, terms);
    if (request.order() != "fall_back")
      return absl::InvalidArgumentError(
          absl::StrCat("order \"", request.order(), "\" is not fall_back or return"));
    if (view_.services().empty())
      return absl::FailedPreconditionError("no service's contract allows the host path");
    return view_.desk.order_fall_back(actor, terms);
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
    to.set_etag(host.etag());
    if (!view_.peers_in_force) return;
    for (const std::string& peer : view_.peers_in_force()) to.add_peers_in_force(peer);
  }

  absl::Status may_drill(const v1::DrillRequest& request) const {
    const std::vector<std::string> services = view_.services();
    if (std::find(services.begin(), services.end(), request.service()) != services.end())
      return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("service \"", request.service(),
                     "\" may not fall back on the host; these may: ", absl::StrJoin(services, ", ")));
  }

  grpc::Status validate(const v1::DrillRequest& request, const std::string& actor,
                        grpc::ServerWriter<v1::DrillStep>& steps) {
    absl::Status status = may_drill(request);
    if (status.ok() && drilling_) status = absl::AbortedError(kUnderWay);
    if (status.ok())
      status = view_.desk.order_fall_back(actor, {.etag = request.etag(), .check_only = true, .drill = true});
    if (!status.ok()) return to_grpc(status);
    v1::DrillStep step;
    step.set_step("checked");
    step.set_message("the drill may begin");
    steps.Write(step);
    return grpc::Status::OK;
  }

  // An error before the first step says that nothing has begun; after it, the record says how it ended.
  absl::StatusOr<std::string> drill(grpc::ServerContext& context, const v1::DrillRequest& request,
                                    const Asked& asked, const Say& say) {
    if (absl::Status status = may_drill(request); !status.ok()) return status;
    if (drilling_.exchange(true)) return absl::AbortedError(kUnderWay);
    const absl::Cleanup over = [this] { drilling_ = false; };
    const DrillOrder order{.actor = asked.actor,
                           .etag = request.etag(),
                           .hold = duration(request.hold_ms(), kHoldMs),
                           .limit = duration(request.limit_ms(), kLimitMs)};
    DrillRecord record;
    record.status = run_drill(
        view_.desk, order,
        [&](const v1::DrillStep& step) {
          if (record.steps.empty()) writes_.begin(asked, "dormant");
          record.steps.push_back(step);
          say(step);
        },
        [&context] { return context.IsCancelled(); });
    if (record.steps.empty()) return record.status;
    return record.text();
  }

  static DrillRecord cut_short() {
    return {{}, absl::AbortedError("the agent was restarted during this drill; the host is told to return")};
  }

  static constexpr const char* kUnderWay = "a drill is under way already";

  const FallbackView view_;
  Writes writes_;
  std::atomic<bool> drilling_{false};
};

}  // namespace

std::unique_ptr<grpc::Service> make_fallback_service(FallbackView view) {
  return std::make_unique<Service>(std::move(view));
}

}  // namespace outrigger::agent
