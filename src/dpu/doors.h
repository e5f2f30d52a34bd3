// Whoever asks a node something comes in by one of these: the Unix socket and the management address, the
// page of health and metrics, the host link.  They open last, when there is something to ask, and close
// first. Thread-safety: one thread opens and closes them; those who come are served by threads of their own.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "dpu/api.h"
#include "dpu/counted_events.h"
#include "dpu/health/services_of_node.h"
#include "dpu/host_side.h"
#include "dpu/journal/journal.h"
#include "dpu/options.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/secure/host_link.h"
#include "dpu/secure/management.h"

namespace outrigger::agent {

class Doors {
 public:
  struct Needs {  // all of it outlives them
    const Options& options;
    Journal& journal;
    CountedEvents& events;
    HostSide& host;
    DesiredState& state;
    EngineThread& engine;
    Supervisor& supervisor;
    ServicesOfNode& services;
    Rollouts& rollouts;
    NoteMemory notes;
    std::chrono::steady_clock::time_point since;  // the engine counts
  };
  static absl::StatusOr<std::unique_ptr<Doors>> open(Needs needs);
  ~Doors();  // nobody is asked any more when it returns
  Doors(const Doors&) = delete;
  Doors& operator=(const Doors&) = delete;

 private:
  explicit Doors(Needs needs) : needs_(std::move(needs)) {}
  void make_services();
  absl::Status open_management();
  absl::Status open_host_link();
  [[nodiscard]] secure::TlsFiles tls() const {
    return {needs_.options.certificate, needs_.options.key, needs_.options.authority};
  }

  Needs needs_;
  std::unique_ptr<Explainer> explainer_;
  std::vector<std::unique_ptr<grpc::Service>> apis_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<secure::HostLinkServer> host_link_;
};

}  // namespace outrigger::agent
