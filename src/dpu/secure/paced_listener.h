// A connection costs a server long before it has shown a certificate: whoever opens thousands takes the
// memory and the descriptors that those already connected live on.  So new ones are taken at a pace; what
// comes faster is closed at once, and told as one flood.  Those that never finish their handshake are then as
// many as the pace and the handshake's time allow. Thread-safety: `take` is called from the listener's own
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "dpu/journal/events.h"
#include "dpu/secure/token_bucket.h"

namespace outrigger::secure {

class PacedListener {
 public:
  using Take = std::function<void(Descriptor connection)>;

  // `address` as check_listen_address() wants it; port 0 is any.  `events` may be null.
  static absl::StatusOr<std::unique_ptr<PacedListener>> listen(const std::string& address, Rate pace,
                                                               agent::Events* events);
  ~PacedListener();
  PacedListener(const PacedListener&) = delete;
  PacedListener& operator=(const PacedListener&) = delete;

  void start(Take take);
  [[nodiscard]] int port() const { return port_; }

 private:
  PacedListener(Descriptor socket, Descriptor end, int port, Rate pace, agent::Events* events);
  void run();
  void accept_one();
  bool in_pace();
  void tell(const std::string& message);

  const Descriptor socket_;
  const Descriptor end_;  // an eventfd
  const int port_;
  agent::Events* const events_;
  TokenBucket bucket_;
  const Rate pace_;
  bool flooded_ = false;
  Take take_;
  std::thread thread_;
};

}  // namespace outrigger::secure
