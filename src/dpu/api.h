// The daemon's API as gRPC services on a Unix socket.  What they do is in desired_state, explain and figures;
// here requests become calls and statuses become gRPC's, in one place. Thread-safety: gRPC's threads call in;
// everything behind is made for that.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dpu/desired_state.h"
#include "dpu/engine_thread.h"
#include "dpu/explain.h"
#include "dpu/secure/management.h"
#include "dpu/stored_answers.h"

namespace grpc {
class Server;
class ServerContext;
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
  std::vector<grpc::Service*> more{};  // services of other rooms, served on the same socket
  secure::ListenOptions listen{};      // where it is served over mTLS as well
  Events* events = nullptr;            // is told of refused calls
  NoteMemory notes{};                  // answers are read from there
  std::function<void(engine::Figures&)> without_probes{};  // takes away what health probes provoked
};

std::unique_ptr<grpc::Service> make_config_service(Agent& agent);
std::unique_ptr<grpc::Service> make_inspect_service(Agent& agent);

class Supervisor;
class Rollouts;
// A consumer of the desired state beside the engines: what it says it has applied.
struct ConsumerView {
  std::string name;
  std::string kind;  // engine, fallback, exporter
  Generation generation;
  absl::Time applied_at = absl::InfinitePast();
  std::string error;
};
using ConsumersFn = std::function<std::vector<ConsumerView>()>;
// `consumers` may be empty; it is asked at each ListConsumers.  `notes`: answers outlive the agent there.
std::unique_ptr<grpc::Service> make_engines_service(Supervisor& supervisor, DesiredState& state,
                                                    ConsumersFn consumers, NoteMemory notes = {});
std::unique_ptr<grpc::Service> make_rollouts_service(Rollouts& rollouts);
// Who calls, for the record: the certificate's name, or "root (local)" on the Unix socket.
std::string caller(const grpc::ServerContext& context);

grpc::Status to_grpc(const absl::Status& status);

// Listens until destroyed.
class Server {
 public:
  // Mode 0600.  AlreadyExists when another daemon answers on the socket; a file left by a dead one is
  // replaced.
  static absl::StatusOr<std::unique_ptr<Server>> listen(Agent& agent, const std::string& socket);
  virtual ~Server() = default;
  virtual grpc::Server& grpc() = 0;
};

}  // namespace outrigger::agent
