// What happened, for those who watch the ports process.  Told by any thread, sent by the one that serves the
// sockets: a takeover never waits for a reader.
// Thread-safety: tell() from any thread; take() and signal() for the server's.
#pragma once

#include <sys/eventfd.h>
#include <sys/fcntl.h>

#include <mutex>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "outrigger/engine/v1/ports.pb.h"

namespace outrigger::ports {

struct Event {
  engine::v1::PortsEvent what;
  Descriptor descriptor;  // of KEEP; a copy of ours
};

class Events {
 public:
  void tell(engine::v1::PortsEvent what, int descriptor = -1) {
    Descriptor copy(descriptor < 0 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    {
      const std::lock_guard lock(mutex_);
      events_.push_back({std::move(what), std::move(copy)});
    }
    (void)::eventfd_write(signal_.get(), 1);
  }

  std::vector<Event> take() {
    eventfd_t count = 0;
    (void)::eventfd_read(signal_.get(), &count);
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

  [[nodiscard]] int signal() const { return signal_.get(); }  // can be read when there is something

 private:
  Descriptor signal_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex_;
  std::vector<Event> events_;  // under mutex_
};

}  // namespace outrigger::ports
