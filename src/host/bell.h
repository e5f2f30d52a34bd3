// A thread that waits in poll() for sockets must also hear of what another thread has learnt.  An eventfd(2)
// that is readable once it was rung.  Thread-safety: any thread.
#pragma once

#include <sys/eventfd.h>

#include "base/descriptor.h"

namespace outrigger::host {

class Bell {
 public:
  void ring() { (void)eventfd_write(event_.get(), 1); }
  // Waits for the next one from now on.
  void hush() {
    eventfd_t times = 0;
    (void)eventfd_read(event_.get(), &times);
  }
  [[nodiscard]] int readable() const { return event_.get(); }

 private:
  const Descriptor event_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

}  // namespace outrigger::host
