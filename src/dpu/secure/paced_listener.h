// A connection costs a server long before it has shown a certificate: whoever opens thousands takes the
// memory and the descriptors that those already connected live on.  So new ones are taken at a pace; what
// comes faster is closed at once, and told as one flood.  Those that never finish their handshake are then as
// many as the pace and the handshake's time allow.  Where there are many callers each has a pace of its own
// too, so that one does not shut the others out. Thread-safety: `take` is called from the listener's own
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "dpu/journal/events.h"
#include "dpu/secure/token_bucket.h"

namespace outrigger::secure {

struct Door {
  std::string name;  // "host link": for those who read of a flood
  Domain callers;    // whose fault one is
  Rate all;
  std::optional<Rate> each{};  // of one address
};

class PacedListener {
 public:
  using Take = std::function<void(Descriptor connection)>;

  // `address` as check_listen_address() wants it; port 0 is any.  `events` may be null.
  static absl::StatusOr<std::unique_ptr<PacedListener>> listen(const std::string& address, Door door,
                                                               agent::Events* events);
  ~PacedListener();
  PacedListener(const PacedListener&) = delete;
  PacedListener& operator=(const PacedListener&) = delete;

  void start(Take take);
  [[nodiscard]] int port() const { return port_; }

 private:
  // One who comes at a pace.
  struct Comer {
    TokenBucket bucket;
    bool flooded = false;
  };
  PacedListener(Descriptor socket, Descriptor end, int port, Door door, agent::Events* events);
  void run();
  void accept_one();
  bool may_enter(const std::string& from);
  Comer* comer(const std::string& from, absl::Time now);
  bool in_pace(Comer& one, const Rate& pace, const std::string& from, absl::Time now);
  void tell(const std::string& message);

  const Descriptor socket_;
  const Descriptor end_;  // an eventfd
  const int port_;
  agent::Events* const events_;
  const Door door_;
  Comer all_;
  std::map<std::string, Comer> each_;  // by address, at most kMostComers
  Take take_;
  std::thread thread_;
};

}  // namespace outrigger::secure
