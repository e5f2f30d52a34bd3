// Next hops of tunnels, resolved by ARP (RFC 826) and neighbour discovery (RFC 4861) on the underlay: asked
// once a second until known, every 30 s from then on. Thread-safety: the control thread's own.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"

namespace outrigger::engine {

class Neighbours {
 public:
  using Clock = std::chrono::steady_clock;
  using Send = std::function<void(std::span<const uint8_t> frame)>;

  struct Own {
    MacAddress mac;
    std::vector<IpAddress> addresses;
  };

  // Asks for those of `wanted` that are due.
  void ask(const std::vector<IpAddress>& wanted, const Own& own, Clock::time_point now, const Send& send);

  struct Answer {
    IpAddress address;
    MacAddress mac;
  };
  // What an ARP reply or a neighbour advertisement says; nullopt for anything else.
  std::optional<Answer> hear(std::span<const uint8_t> frame, Clock::time_point now);

 private:
  struct State {
    Clock::time_point asked;
    Clock::time_point heard;
    bool known = false;
  };
  std::map<IpAddress, State> states_;
};

}  // namespace outrigger::engine
