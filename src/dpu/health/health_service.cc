// outrigger.v1.HealthReport and grpc.health.v1.
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <condition_variable>

#include "base/steady_time.h"
#include "dpu/health/serve_health.h"
#include "outrigger/v1/health.grpc.pb.h"

namespace outrigger::agent {

namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(200);  // whether the watcher is still there
constexpr int kMostWatches = 16;                             // each occupies a thread of the server

void write(const ServiceState& from, const std::string& placement, absl::Time now, v1::ServiceHealth& to) {
  to.set_service(from.service);
  to.set_version(from.version);
  to.set_state(std::string(name(from.health)));
  to.set_for_seconds(absl::ToDoubleSeconds(now - from.since));
  to.set_probe(from.probe);
  to.set_reason(from.reason);
  to.set_last_probe(from.last_probe == absl::InfinitePast() ? -1
                                                            : absl::ToDoubleSeconds(now - from.last_probe));
  to.set_last_latency_us(absl::ToDoubleMicroseconds(from.latency));
  to.set_succeeded(from.succeeded);
  to.set_failed(from.failed);
  to.set_flaps(from.flaps);
  to.set_placement(placement);
}

class Service final : public v1::HealthReport::Service {
 public:
  explicit Service(HealthView view) : view_(std::move(view)) {
    watcher_ = view_.board.watch([this](const ServiceState&) { wake_.notify_all(); });
  }
  ~Service() override { view_.board.forget(watcher_); }

  grpc::Status ListHealth(grpc::ServerContext*, const v1::ListHealthRequest* request,
                          v1::HealthList* reply) override {
    return list(request->service(), *reply);
  }

  grpc::Status WatchHealth(grpc::ServerContext* context, const v1::ListHealthRequest* request,
                           grpc::ServerWriter<v1::HealthList>* writer) override {
    std::unique_lock lock(mutex_);
    if (watches_ == kMostWatches)
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "16 are watching health already"};
    ++watches_;
    grpc::Status status;
    uint64_t seen = UINT64_MAX;
    while (!ending_ && !context->IsCancelled()) {
      const uint64_t changes = view_.board.changes();
      if (changes != seen) {
        seen = changes;
        lock.unlock();
        v1::HealthList now;
        status = list(request->service(), now);
        const bool sent = status.ok() && writer->Write(now);
        lock.lock();
        if (!sent) break;
      }
      wake_.wait_for(lock, kLookAgain);
    }
    --watches_;
    return status;
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    wake_.notify_all();
  }

 private:
  grpc::Status list(const std::string& service, v1::HealthList& reply) const {
    const absl::Time now = steady_time();
    reply.set_node(view_.node);
    reply.set_overall(std::string(name(view_.board.overall())));
    for (const ServiceState& state : view_.board.all()) {
      if (!service.empty() && state.service != service) continue;
      write(state, view_.placement ? view_.placement(state.service) : "dpu", now, *reply.add_services());
    }
    if (service.empty() || reply.services_size() > 0) return grpc::Status::OK;
    return {grpc::StatusCode::NOT_FOUND, "no service \"" + service + "\" is probed on node " + view_.node};
  }

  const HealthView view_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;  // under mutex_
  int watches_ = 0;      // under mutex_
  uint64_t watcher_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> make_health_service(HealthView view) {
  return std::make_unique<Service>(std::move(view));
}

void end_watches(grpc::Service& health_service) { static_cast<Service&>(health_service).end(); }

void enable_grpc_health() { grpc::EnableDefaultHealthCheckService(true); }

GrpcHealth::GrpcHealth(grpc::Server& server, Board& board) : server_(server), board_(board) {
  tell();
  watcher_ = board_.watch([this](const ServiceState&) { tell(); });
}

GrpcHealth::~GrpcHealth() { board_.forget(watcher_); }

void GrpcHealth::tell() {
  grpc::HealthCheckServiceInterface* served = server_.GetHealthCheckService();
  if (served == nullptr) return;
  const std::lock_guard lock(mutex_);
  std::set<std::string> gone = told_;
  for (const ServiceState& state : board_.all()) {
    gone.erase(state.service);
    told_.insert(state.service);
    served->SetServingStatus(state.service, state.health == Health::kReady);
  }
  for (const std::string& service : gone) served->SetServingStatus(service, false);
  served->SetServingStatus("", board_.overall() == Health::kReady);
}

}  // namespace outrigger::agent
