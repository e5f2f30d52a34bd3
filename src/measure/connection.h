// One connection of the latency probe: asks one question at a time, never waits, and is opened anew when it
// was closed.  Not thread-safe.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "base/descriptor.h"
#include "measure/dialogue.h"

namespace outrigger::measure {

struct Address {
  sockaddr_storage bytes{};
  socklen_t length = 0;
};

class Connection {
 public:
  enum class Outcome { kWaiting, kAnswered, kFailed };

  // Its events carry `number` in their upper half, and in the lower one which of its sockets they are of.
  Connection(const Address& address, const Target& target, bool fresh, int epoll, uint32_t number);

  // Asks what was to be asked at `intended`.  Only when not busy.
  Outcome ask(uint64_t intended);
  // Something happened to socket `of`.
  Outcome ready(uint32_t of, uint32_t events);
  void abandon();  // what it asks, if anything
  [[nodiscard]] bool busy() const { return state_ == State::kConnecting || state_ == State::kAsked; }
  [[nodiscard]] uint64_t intended() const { return intended_; }

 private:
  enum class State { kClosed, kConnecting, kIdle, kAsked };

  Outcome open();
  Outcome connected();
  Outcome send_rest();
  Outcome receive();
  Outcome answered(Answer answer);
  Outcome fail();

  const Address& address_;
  const bool fresh_, just_connect_;
  const int epoll_;
  const uint32_t number_;
  const std::unique_ptr<Dialogue> dialogue_;
  Descriptor socket_;
  uint32_t socket_number_ = 0;
  State state_ = State::kClosed;
  uint64_t intended_ = 0;
  size_t sent_ = 0;  // bytes of the request
};

}  // namespace outrigger::measure
