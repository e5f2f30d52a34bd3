// An engine's ports as the ports process holds them for it: taps by descriptors of our own, DPDK devices by
// their names.  That process may die: then what we have stays ours, and goes on; only new ports cannot be
// had. Thread-safety: the engine's control thread, as PortSource says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/local_socket.h"
#include "engine/port_source.h"
#include "outrigger/engine/v1/ports.pb.h"

namespace outrigger::engined {

class RemotePorts final : public engine::PortSource {
 public:
  explicit RemotePorts(Descriptor socket) : socket_(std::move(socket)) {}
  ~RemotePorts() override;

  struct Place {
    engine::v1::AttachReply reply;
    Descriptor memory;
  };
  // First of all.
  absl::StatusOr<Place> attach_process(const engine::v1::AttachCall& call);

  absl::Status attach(const std::vector<engine::PortRequest>& wanted) override;
  void prune(const std::vector<engine::PortRequest>& wanted) override;
  void restore(const std::vector<engine::PortRequest>& wanted) override;
  [[nodiscard]] const std::map<uint16_t, engine::AttachedPort>& all() const override { return ports_; }

 private:
  struct Reply {
    engine::v1::PortsReply message;
    std::vector<Descriptor> descriptors;
  };
  absl::StatusOr<Reply> ask(engine::v1::PortsCall call);
  // All of `wanted`, and what is here beside it.
  [[nodiscard]] engine::v1::PortsCall want_with_present(const std::vector<engine::PortRequest>& wanted) const;
  absl::Status want(const engine::v1::PortsCall& call);
  absl::Status take(Reply reply);
  absl::Status take_one(const engine::v1::HeldPort& held, std::vector<Descriptor>& descriptors, size_t& used);
  [[nodiscard]] bool complete(const engine::v1::PortsCall& call) const;

  Descriptor socket_;  // closed once the ports process is gone
  uint64_t last_call_ = 0;
  std::map<uint16_t, engine::AttachedPort> ports_;  // by PortId
};

}  // namespace outrigger::engined
