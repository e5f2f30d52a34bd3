// An engine in a process of its own, as engine::Engine over its control socket.  That process may be dead,
// hung or of another version at any time; none of it may harm or hold up the caller: every call ends in time,
// with Unavailable when there is nobody (any more).
// Thread-safety: one thread, as Engine says.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "engine/engine.h"

namespace outrigger::engine::v1 {
class EngineCall;
class EngineReply;
}  // namespace outrigger::engine::v1

namespace outrigger::engine {

struct RemoteHello {
  std::string version;
  uint32_t slot = 0;
  Role role = Role::kStandby;
  int pid = 0;
  Generation generation;
  double applied_for = 0;  // seconds
  Epoch epoch;
  uint64_t digest = 0;  // Update.digest it applied last
  uint32_t session_layout = 0;
  std::vector<std::string> enforced, not_enforced;
};

class RemoteEngine final : public Engine {
 public:
  struct Timeouts {
    std::chrono::milliseconds call{2000};
    std::chrono::milliseconds apply{60000};  // opens ports, builds a million rules
  };

  // `path` of its control socket.
  static absl::StatusOr<std::unique_ptr<RemoteEngine>> connect(const std::string& path,
                                                               const Timeouts& timeouts);

  absl::StatusOr<RemoteHello> hello();
  // Asks it to end; Ok when it said it will.
  absl::Status end();
  // False once a call failed on the way: connect again.
  [[nodiscard]] bool connected() const { return static_cast<bool>(socket_); }

  absl::StatusOr<Epoch> apply(std::string_view update) override;
  absl::StatusOr<Explanation> explain(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) override;
  Figures figures() override;                            // empty when it does not answer
  std::vector<Session> sessions(size_t limit) override;  // empty too
  absl::StatusOr<Echo> probe(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                             unsigned timeout_ms) override;
  absl::Status shadow(bool on) override;
  ShadowReport shadow_report() override;
  [[nodiscard]] Role role() override;  // kLeaving when it does not answer
  void tend() override {}              // it does so itself

 private:
  RemoteEngine(Descriptor socket, const Timeouts& timeouts)
      : socket_(std::move(socket)), timeouts_(timeouts) {}
  absl::StatusOr<v1::EngineReply> ask(const v1::EngineCall& call, std::chrono::milliseconds timeout);

  Descriptor socket_;
  Timeouts timeouts_;
};

}  // namespace outrigger::engine
