// The daemon's API as gRPC services on a Unix socket.  What they do is in desired_state, explain and figures;
// here requests become calls and statuses become gRPC's, in one place. Thread-safety: gRPC's threads call in;
// everything behind is made for that.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dpu/desired_state.h"
#include "dpu/engine_thread.h"
#include "dpu/explain.h"
#include "dpu/secure/management.h"

namespace grpc {
class Service;
class Status;
}  // namespace grpc

namespace outrigger::agent {

inline constexpr const char* kVersion = "0.1.0";

struct Agent {
  EngineThread& engine;
  DesiredState& state;
  Explainer& explainer;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();  // the engine
  secure::ListenOptions listen{};        // where it is served over mTLS as well
  Events* events = nullptr;              // is told of refused calls
};

std::unique_ptr<grpc::Service> make_config_service(Agent& agent);
std::unique_ptr<grpc::Service> make_inspect_service(Agent& agent);

grpc::Status to_grpc(const absl::Status& status);

// Listens until destroyed.
class Server {
 public:
  // Mode 0600.  AlreadyExists when another daemon answers on the socket; a file left by a dead one is
  // replaced.
  static absl::StatusOr<std::unique_ptr<Server>> listen(Agent& agent, const std::string& socket);
  virtual ~Server() = default;
};

}  // namespace outrigger::agent
