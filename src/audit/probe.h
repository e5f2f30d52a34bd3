// Sockets as an intruder uses them: is a port open, does a connection live on, is what policy denies denied.
// Everything is bounded in time.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/place.h"
#include "audit/wire.h"

namespace outrigger::audit {

enum class Port { kOpen, kRefused, kSilent, kNoWay };  // the last: our own kernel has no route

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  [[nodiscard]] std::string str() const;
};
// "10.0.0.1:7443", "[fd00::1]:7443".
std::optional<Endpoint> parse_endpoint(std::string_view text);

// As the kernel takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
SocketAddress socket_address(const Endpoint& to);

absl::StatusOr<Port> try_port(const std::string& netns, const Endpoint& to, Milliseconds patience);

struct Scan {
  std::vector<uint16_t> open;
  size_t refused = 0, silent = 0, no_way = 0, not_tried = 0;  // the last: for want of time
};
// Every one of `ports`, many at a time, within `limit` in all.
absl::StatusOr<Scan> scan(const std::string& netns, IpAddress address, std::span<const uint16_t> ports,
                          Milliseconds limit);

// Echoes on a TCP port of a guest until destroyed.
class EchoServer {
 public:
  // AlreadyExists when a program of the guest's listens there.
  static absl::StatusOr<std::unique_ptr<EchoServer>> listen(const std::string& netns, uint16_t port);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

 private:
  explicit EchoServer(Descriptor listener);
  void serve();
  const Descriptor listener_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// An established connection.
class Flow {
 public:
  static absl::StatusOr<Flow> connect(const std::string& netns, const Endpoint& to, Milliseconds patience);
  // Something said comes back.
  [[nodiscard]] bool echoes(Milliseconds patience) const;

 private:
  explicit Flow(Descriptor socket) : socket_(std::move(socket)) {}
  Descriptor socket_;
};

}  // namespace outrigger::audit
