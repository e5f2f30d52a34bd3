#include <grpcpp/grpcpp.h>

#include <limits>

#include "dpu/api.h"
#include "dpu/figures.h"
#include "outrigger/v1/inspect.grpc.pb.h"

namespace outrigger::agent {

namespace {

constexpr uint32_t kDefaultLimit = 1000;
constexpr Vni kHealthVni(manifest::kHealthVni);
constexpr size_t kProbeSessions = 8192;  // that the health probes may hold, and nobody asked for

class InspectService : public v1::Inspect::Service {
 public:
  explicit InspectService(Agent& agent) : agent_(agent) {}

  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                       v1::Explanation* reply) override {
    absl::StatusOr<v1::Explanation> why = agent_.explainer.explain(*request, agent_.state.now());
    if (!why.ok()) return to_grpc(why.status());
    *reply = *std::move(why);
    return grpc::Status::OK;
  }

  grpc::Status ListSessions(grpc::ServerContext*, const v1::SessionsRequest* request,
                            v1::Sessions* reply) override {
    const std::shared_ptr<const Snapshot> snapshot = agent_.state.now();
    const absl::StatusOr<SessionFilter> filter = SessionFilter::parse(request->endpoint(), *snapshot);
    if (!filter.ok()) return to_grpc(filter.status());
    const uint32_t limit = request->limit() == 0 ? kDefaultLimit : request->limit();
    // A filter picks from all sessions, so it must see all of them.
    const size_t copied =
        request->endpoint().empty() ? limit + kProbeSessions : std::numeric_limits<size_t>::max();
    const auto sessions =
        agent_.engine.call([copied](engine::Engine& engine) { return engine.sessions(copied); });
    const engine::Tick tick = now();
    for (const engine::Session& session : sessions) {
      if (static_cast<uint32_t>(reply->sessions_size()) == limit) break;
      if (request->endpoint().empty() && session.key.vni() == kHealthVni) continue;  // of probes
      if (filter->matches(session))
        *reply->add_sessions() = to_session(session, *snapshot, agent_.state.node(), tick);
    }
    return grpc::Status::OK;
  }

  grpc::Status GetStats(grpc::ServerContext*, const v1::StatsRequest*, v1::Stats* reply) override {
    *reply = to_stats(figures(), *agent_.state.now(), agent_.state.node());
    reply->set_version(kVersion);
    reply->set_uptime(uptime());
    return grpc::Status::OK;
  }

  grpc::Status ListDrops(grpc::ServerContext*, const v1::DropsRequest* request, v1::Drops* reply) override {
    *reply = to_drops(figures(), agent_.state.node(), request->all());
    return grpc::Status::OK;
  }

  grpc::Status GetCapacity(grpc::ServerContext*, const v1::CapacityRequest*, v1::Capacities* reply) override {
    *reply = to_capacities(figures(), agent_.state.node());
    return grpc::Status::OK;
  }

 private:
  engine::Figures figures() {
    engine::Figures all = agent_.engine.call([](engine::Engine& engine) { return engine.figures(); });
    if (agent_.without_probes) agent_.without_probes(all);
    return all;
  }
  double uptime() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - agent_.started).count();
  }
  // The engine's clock started with it.
  engine::Tick now() const { return static_cast<engine::Tick>(uptime() * engine::kTicksPerSecond); }

  Agent& agent_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_inspect_service(Agent& agent) {
  return std::make_unique<InspectService>(agent);
}

}  // namespace outrigger::agent
