// Serves one Engine on a control socket, from the one thread that may call it, and tends it in between.
// Only processes of root, of this one's user and of those named may call.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <list>
#include <string>
#include <vector>

#include "base/local_socket.h"
#include "engine/engine.h"
#include "outrigger/engine/v1/control.pb.h"

namespace outrigger::engine {

struct EngineIdentity {
  std::string version;
  uint32_t slot = 0;
  std::vector<std::string> enforced, not_enforced;
};

class EngineServer {
 public:
  EngineServer(Engine& engine, EngineIdentity identity, Descriptor listener, std::vector<uid_t> allowed)
      : engine_(engine),
        identity_(std::move(identity)),
        listener_(std::move(listener)),
        allowed_(std::move(allowed)) {}

  // Until somebody calls EndCall, or `stop` can be read.
  void serve(int stop);

  // The answer to one message; for serve() and for tests.
  v1::EngineReply answer(const std::string& message);

 private:
  [[nodiscard]] std::chrono::milliseconds tend_every() const;
  void admit();
  bool serve_one(int socket);  // false: this connection is over
  void answer(const v1::EngineCall& call, v1::EngineReply& reply);
  absl::Status apply(const std::string& update, v1::EngineReply& reply);
  absl::Status probe(const v1::ProbeCall& call, v1::EngineReply& reply);
  absl::Status explain(const v1::ExplainCall& call, v1::EngineReply& reply);
  absl::Status shadow(bool on);
  void hello(v1::HelloReply& reply);

  Engine& engine_;
  EngineIdentity identity_;
  Descriptor listener_;
  std::vector<uid_t> allowed_;
  std::list<Descriptor> connections_;
  bool shadowing_ = false;
  bool ended_ = false;
  uint32_t epoch_ = 0;
  uint64_t generation_ = 0;
  uint64_t digest_ = 0;
  SteadyTime applied_{};
};

}  // namespace outrigger::engine
