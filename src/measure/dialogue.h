// What a request and a whole answer look like, protocol by protocol; bytes alone, no sockets.  The answer
// comes from a program that is measured, and need not be well formed: it is read within bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace outrigger::measure {

enum class Answer {
  kMore,      // not whole yet
  kGood,      // whole
  kBad,       // whole, and it says that the request failed
  kGoodLast,  // as kGood, and the server closes the connection
  kBadLast,
  kGarbled,  // no answer of this protocol
};

class Dialogue {
 public:
  virtual ~Dialogue() = default;
  // One request; "": to be connected is all.
  [[nodiscard]] virtual const std::string& request() const = 0;
  // Before each answer.
  virtual void begin() = 0;
  virtual Answer take(std::string_view bytes) = 0;
  // The server closed: some answers end so.
  virtual Answer end() { return Answer::kGarbled; }
};

// What is probed: "redis://10.0.0.2:6379" (PING) or "redis://HOST:PORT/KEY" (GET KEY),
// "http://HOST[:80]/PATH", "tcp://HOST:PORT" (a line, and the first byte that comes back),
// "connect://HOST:PORT" (to be connected).
struct Target {
  std::string protocol, host, path;  // path without "/"
  uint16_t port = 0;
  [[nodiscard]] std::string address() const;  // "10.0.0.2:6379", "[::1]:80"
};

absl::StatusOr<Target> parse_target(std::string_view text);
std::unique_ptr<Dialogue> dialogue_for(const Target& target);
// A new connection for each request is all that these can do.
bool always_fresh(const Target& target);

}  // namespace outrigger::measure
