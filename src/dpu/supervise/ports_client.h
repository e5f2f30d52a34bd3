// The agent's connection to the ports process: calls, the events in between, and the descriptors kept for the
// day the ports process dies.
// Thread-safety: one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/descriptor.h"
#include "outrigger/engine/v1/ports.pb.h"

namespace outrigger::agent {

// By the ports process's name for them: "memory", "tap ep3 0".
using Kept = std::map<std::string, Descriptor>;

class PortsClient {
 public:
  PortsClient() = default;
  // Connects and watches.  What `kept` holds from a ports process that died is handed over; it must outlive
  // this, which keeps adding to it and taking from it.
  static absl::StatusOr<PortsClient> connect(const std::string& socket, Kept& kept);

  [[nodiscard]] bool connected() const { return static_cast<bool>(socket_); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  absl::StatusOr<engine::v1::PortsStatus> status();
  absl::StatusOr<engine::v1::SwapReply> swap(uint32_t to_slot);
  absl::Status remove(uint32_t slot, bool kill);
  // What has happened since; closes itself when the other end is gone.
  std::vector<engine::v1::PortsEvent> events();
  void close() { socket_.reset(); }

 private:
  absl::StatusOr<engine::v1::PortsReply> call(engine::v1::PortsCall call,
                                              const std::vector<int>& descriptors);
  absl::StatusOr<engine::v1::PortsReply> read(absl::Duration patience);
  absl::Status watch();
  void keep(std::vector<Descriptor> descriptors, const engine::v1::PortsEvent& event);

  Descriptor socket_;
  pid_t pid_ = 0;
  uint64_t next_ = 1;
  Kept* kept_ = nullptr;
  std::deque<engine::v1::PortsEvent> events_;
};

}  // namespace outrigger::agent
