#include "audit/probe.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::audit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kAtOnce = 500;
constexpr Milliseconds kPortPatience{300};

// On one's own address a socket may happen to connect to itself (RFC 9293 §3.5, simultaneous open).
bool with_itself(int socket) {
  sockaddr_storage own{}, peer{};
  socklen_t own_size = sizeof own, peer_size = sizeof peer;
  getsockname(socket, reinterpret_cast<sockaddr*>(&own), &own_size);
  getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size);
  return own_size == peer_size && std::memcmp(&own, &peer, own_size) == 0;
}

Port outcome(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 && !with_itself(socket) ? Port::kOpen : Port::kRefused;
}

struct Dialled {
  uint16_t port = 0;
  Descriptor socket;
  Port state = Port::kSilent;
};

// Begins to connect, in the namespace of this thread.
Dialled dial(const Endpoint& to) {
  const SocketAddress address = socket_address(to);
  Dialled one{to.port,
              Descriptor(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  const int done =
      connect(one.socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (done == 0) one.state = outcome(one.socket.get());
  if (done < 0 && errno != EINPROGRESS) one.state = errno == ENETUNREACH ? Port::kNoWay : Port::kRefused;
  return one;
}

void settle(std::vector<Dialled>& all, Milliseconds patience) {
  const auto end = Clock::now() + patience;
  for (;;) {
    std::vector<pollfd> waiting;
    std::vector<Dialled*> whose;
    for (Dialled& one : all) {
      if (one.state != Port::kSilent) continue;
      waiting.push_back({one.socket.get(), POLLOUT, 0});
      whose.push_back(&one);
    }
    const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now());
    if (waiting.empty() || left.count() <= 0) return;
    if (poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0) return;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) whose[i]->state = outcome(waiting[i].fd);
    }
  }
}

absl::StatusOr<Dialled> dial_within(const std::string& netns, const Endpoint& to, Milliseconds patience) {
  std::vector<Dialled> one;
  const absl::Status status = inside_netns(netns, [&] {
    one.push_back(dial(to));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  settle(one, patience);
  return std::move(one.front());
}

void count(const std::vector<Dialled>& all, Scan& scan) {
  for (const Dialled& one : all) {
    if (one.state == Port::kOpen) scan.open.push_back(one.port);
    if (one.state == Port::kRefused) ++scan.refused;
    if (one.state == Port::kSilent) ++scan.silent;
    if (one.state == Port::kNoWay) ++scan.no_way;
  }
}

bool readable(int socket, Milliseconds patience) {
  pollfd ready{socket, POLLIN, 0};
  return poll(&ready, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

std::string Endpoint::str() const {
  return address.is_v4() ? absl::StrCat(address.str(), ":", port)
                         : absl::StrCat("[", address.str(), "]:", port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string host(text.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  uint32_t port = 0;
  if (!address || !absl::SimpleAtoi(std::string(text.substr(colon + 1)), &port) || port == 0 || port > 65535)
    return std::nullopt;
  return Endpoint{*address, static_cast<uint16_t>(port)};
}

SocketAddress socket_address(const Endpoint& to) {
  SocketAddress out;
  if (to.address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(to.port);
    to.address.store_v4(&v4->sin_addr);
    out.size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(to.port);
    to.address.store_v6(&v6->sin6_addr);
    out.size = sizeof *v6;
  }
  return out;
}

absl::StatusOr<Port> try_port(const std::string& netns, const Endpoint& to, Milliseconds patience) {
  const auto one = dial_within(netns, to, patience);
  if (!one.ok()) return one.status();
  return one->state;
}

absl::StatusOr<Scan> scan(const std::string& netns, IpAddress address, std::span<const uint16_t> ports,
                          Milliseconds limit) {
  Scan found;
  const auto end = Clock::now() + limit;
  const absl::Status status = inside_netns(netns, [&] {
    while (!ports.empty() && Clock::now() < end) {
      std::vector<Dialled> batch;
      const size_t size = std::min(kAtOnce, ports.size());
      for (const uint16_t port : ports.first(size)) batch.push_back(dial({address, port}));
      settle(batch, kPortPatience);
      count(batch, found);
      ports = ports.subspan(size);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  found.not_tried = ports.size();
  return found;
}

EchoServer::EchoServer(Descriptor listener) : listener_(std::move(listener)), thread_([this] { serve(); }) {}

EchoServer::~EchoServer() {
  stop_ = true;
  thread_.join();
}

absl::StatusOr<std::unique_ptr<EchoServer>> EchoServer::listen(const std::string& netns, uint16_t port) {
  Descriptor made;
  const absl::Status status = inside_netns(netns, [&] {
    made.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const SocketAddress any = socket_address({IpAddress::v4(0), port});
    if (bind(made.get(), reinterpret_cast<const sockaddr*>(&any.storage), any.size) != 0 ||
        ::listen(made.get(), 16) != 0) {
      const std::string what = absl::StrCat("listen on port ", port, " in ", netns);
      return errno == EADDRINUSE ? absl::AlreadyExistsError(what) : absl::ErrnoToStatus(errno, what);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return std::unique_ptr<EchoServer>(new EchoServer(std::move(made)));
}

void EchoServer::serve() {
  constexpr size_t kMost = 64;
  std::vector<Descriptor> callers;
  std::array<char, 512> buffer;
  while (!stop_) {
    std::vector<pollfd> waiting = {{listener_.get(), POLLIN, 0}};
    for (const Descriptor& one : callers) waiting.push_back({one.get(), POLLIN, 0});
    if (poll(waiting.data(), waiting.size(), 50) <= 0) continue;
    for (size_t i = waiting.size(); i-- > 1;) {
      if (waiting[i].revents == 0) continue;
      const ssize_t got = recv(waiting[i].fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) callers.erase(callers.begin() + static_cast<ptrdiff_t>(i - 1));
      if (got > 0) (void)send(waiting[i].fd, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
    }
    if (waiting[0].revents == 0) continue;
    if (callers.size() >= kMost) callers.erase(callers.begin());
    callers.emplace_back(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  }
}

absl::StatusOr<Flow> Flow::connect(const std::string& netns, const Endpoint& to, Milliseconds patience) {
  auto one = dial_within(netns, to, patience);
  if (!one.ok()) return one.status();
  if (one->state != Port::kOpen)
    return absl::UnavailableError(absl::StrCat("no connection from ", netns, " to ", to.str()));
  return Flow(std::move(one->socket));
}

bool Flow::echoes(Milliseconds patience) const {
  constexpr std::string_view kWord = "outrigger-audit";
  if (send(socket_.get(), kWord.data(), kWord.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kWord.size()))
    return false;
  const auto end = Clock::now() + patience;
  std::array<char, kWord.size()> buffer;
  for (size_t have = 0; have < kWord.size();) {
    const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now());
    if (left.count() <= 0 || !readable(socket_.get(), left)) return false;
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size() - have, 0);
    if (got <= 0) return false;
    have += static_cast<size_t>(got);
  }
  return true;
}

}  // namespace outrigger::audit
