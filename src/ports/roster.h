// Which engines are attached, each in a slot of its own, known by a pidfd: a process id may be reused, a
// pidfd never means another process. Thread-safety: any thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "base/local_socket.h"

namespace outrigger::ports {

struct Member {
  uint32_t slot = 0;
  pid_t pid = 0;
  std::shared_ptr<const Descriptor> process;  // pidfd: readable once it is dead
  std::string version;
  std::string instance;
  SteadyTime attached{};
  bool ready = false;    // has wanted ports: may be given the queues
  bool foreign = false;  // attached to our predecessor: shares the node memory with us, but not our buffers
};

class Roster {
 public:
  // ResourceExhausted when every slot is taken, AlreadyExists when the process is here already.
  absl::StatusOr<Member> add(Member member);
  // With the slot it has; AlreadyExists when that is taken.
  absl::Status add_foreign(Member member);
  void set_ready(uint32_t slot);
  void remove(uint32_t slot);

  [[nodiscard]] std::optional<Member> find(uint32_t slot) const;
  [[nodiscard]] std::vector<Member> all() const;  // by time of attachment
  [[nodiscard]] bool any_foreign() const;
  // Who is to take over from `dead`: of the ready ones, the one that has been here longest and is `fit`; when
  // none is, the one that has been here longest.
  [[nodiscard]] std::optional<Member> heir(uint32_t dead,
                                           const std::function<bool(const Member&)>& fit) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Member> members_;  // under mutex_
};

}  // namespace outrigger::ports
