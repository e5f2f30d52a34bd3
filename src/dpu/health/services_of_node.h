// The services of this node as one thing to start, to tell of a new desired state, and to end: their
// contracts, the agents among them as sidecars, the probes of all, and who may look at them.
//
//   ServicesOfNode services(parts, journal);
//   services.reload(snapshot->all());               // at start, and after each apply
//   enable_grpc_health();                           // before ServerBuilder
//   builder.RegisterService(services.api());
//   services.serve(*server);                        // after BuildAndStart
//   services.listen("127.0.0.1:9464");              // when there is a management address
//   services.stop();                                // before Server::Shutdown
//
// Thread-safety: reload() from any thread; the rest from one.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "dpu/health/health.h"
#include "dpu/health/serve_health.h"
#include "dpu/sidecar/sidecars.h"

namespace outrigger::agent {

class ServicesOfNode {
 public:
  struct Parts {
    std::string node;
    std::string version;                      // of the engine that is active
    std::string state_folder;                 // its disk is probed
    std::optional<SidecarSettings> sidecars;  // not set: agents are not run
    // Of the active engine; each must end by itself, and may be called from any thread.
    decltype(ProbeSources::echo) echo;
    decltype(ProbeSources::figures) figures;
    decltype(ProbeSources::beats) beats;
    decltype(ProbeSources::links_down) links_down;
    decltype(ProbeSources::peer_probed) peer_probed;
    // It speaks through no tunnel for the time being: peers are nothing to probe.
    std::function<bool()> silent;
    std::function<NodeFigures()> metrics;
    std::function<std::string(const std::string& service)> placement;
  };
  ServicesOfNode(Parts parts, Events& events);
  ~ServicesOfNode();
  ServicesOfNode(const ServicesOfNode&) = delete;
  ServicesOfNode& operator=(const ServicesOfNode&) = delete;

  void reload(const std::vector<const manifest::Object*>& objects);
  void set_engine_version(const std::string& version) { health_->set_engine_version(version); }

  [[nodiscard]] HealthBoard& board() { return health_->board(); }
  [[nodiscard]] HealthOfNode& health() { return *health_; }
  [[nodiscard]] Sidecars* sidecars() { return sidecars_.get(); }  // null: not run here
  [[nodiscard]] grpc::Service* api() { return api_.get(); }
  // For whoever shows drops: without those that the probes provoked.
  void without_probes(engine::Figures& figures) const { drops_->take_from(figures.drops); }
  void serve(grpc::Server& server);
  absl::Status listen(const std::string& address);
  void stop();  // watches and answers end; probes go on

 private:
  ProbeSources sources();
  [[nodiscard]] HealthView view();

  Parts parts_;
  const std::shared_ptr<ProbeDrops> drops_ = std::make_shared<ProbeDrops>();
  std::mutex mutex_;
  std::optional<compiler::HealthPlan> plan_;  // under mutex_
  std::unique_ptr<Sidecars> sidecars_;
  std::unique_ptr<HealthOfNode> health_;  // after what its probes use
  std::unique_ptr<grpc::Service> api_;
  std::unique_ptr<GrpcHealth> grpc_;
  std::unique_ptr<Management> http_;
};

}  // namespace outrigger::agent
