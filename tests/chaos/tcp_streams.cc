#include "chaos/tcp_streams.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace outrigger::chaos {
namespace {

constexpr int kEvents = 64;

void watch(int epoll, int fd, uint32_t events, uint64_t tag) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

// What arrives goes back.  Numbers are short: they always fit what the socket takes.
class EchoServer {
 public:
  EchoServer(const std::string& netns, const Address& at)
      : listener_(listening(netns, at, SOCK_STREAM | SOCK_NONBLOCK)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(epoll_, listener_, EPOLLIN, static_cast<uint64_t>(listener_));
    thread_ = std::thread([this] { serve(); });
  }
  ~EchoServer() {
    stop_.store(true);
    thread_.join();
    close(listener_);
    close(epoll_);
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

 private:
  void serve() {
    epoll_event events[kEvents];
    while (!stop_.load(std::memory_order_relaxed)) {
      const int count = epoll_wait(epoll_, events, kEvents, 50);
      for (int i = 0; i < count; ++i) handle(static_cast<int>(events[i].data.u64));
    }
  }

  void handle(int fd) {
    if (fd == listener_) {
      const int made = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      const int on = 1;
      setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (made >= 0) watch(epoll_, made, EPOLLIN, static_cast<uint64_t>(made));
      return;
    }
    std::array<char, 4096> data;
    const ssize_t got = recv(fd, data.data(), data.size(), 0);
    if (got > 0 && send(fd, data.data(), static_cast<size_t>(got), MSG_NOSIGNAL) == got) return;
    if (got > 0 || got == 0 || errno != EAGAIN) close(fd);
  }

  int listener_, epoll_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Connection {
  int fd = -1;
  uint64_t said = 0, heard = 0;  // numbers
  size_t partial = 0;            // bytes of the next answer
  std::array<char, sizeof(uint64_t)> answer{};
  Nanoseconds said_at = 0;
  Nanoseconds longest = 0;  // wait for an answer
  std::string broken;       // why
};

class Client {
 public:
  explicit Client(const TcpOptions& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    connections_.resize(options.connections);
    for (size_t i = 0; i < connections_.size(); ++i) open(i);
  }
  ~Client() {
    for (const Connection& one : connections_) close(one.fd);
    close(epoll_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void run() {
    const auto pause = static_cast<Nanoseconds>(options_.every_ms * 1e6);
    for (Nanoseconds next = now(); !ended(); next = std::max(next + pause, now())) {
      for (Connection& one : connections_) say(one);
      do hear(next + pause);
      while (now() < next + pause && !ended());
    }
    const Nanoseconds deadline = now() + static_cast<Nanoseconds>(options_.patience_s * 1e9);
    while (waiting() > 0 && now() < deadline) hear(deadline);
    for (Connection& one : connections_) {
      if (one.broken.empty() && one.heard < one.said) one.broken = "silent";
    }
  }

  [[nodiscard]] std::string report() const {
    uint64_t answers = 0;
    Nanoseconds longest = 0;
    std::vector<std::string> why;
    for (const Connection& one : connections_) {
      answers += one.heard;
      longest = std::max(longest, one.longest);
      if (!one.broken.empty()) why.push_back(absl::StrCat("\"", one.broken, "\""));
    }
    return absl::StrFormat(
        "{\"connections\": %d, \"broken\": %d, \"why\": [%s], \"answers\": %d, \"longest_wait_ms\": %.3f}\n",
        connections_.size(), why.size(), absl::StrJoin(why, ", "), answers,
        static_cast<double>(longest) / 1e6);
  }

 private:
  void open(size_t index) {
    Connection& one = connections_[index];
    one.fd = socket_in(options_.from, options_.destination.storage.ss_family, SOCK_STREAM);
    const timeval wait{10, 0};
    setsockopt(one.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);  // of connect, too
    const int on = 1;
    setsockopt(one.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(one.fd, options_.destination.get(), options_.destination.length) != 0) fail("connect");
    watch(epoll_, one.fd, EPOLLIN, index);
  }

  // One number at a time on a connection: the next when the last has come back.
  static void say(Connection& one) {
    if (!one.broken.empty() || one.heard < one.said) return;
    ++one.said;
    one.said_at = now();
    if (send(one.fd, &one.said, sizeof one.said, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof one.said))
      one.broken = std::strerror(errno);
  }

  void hear(Nanoseconds until) {
    epoll_event events[kEvents];
    const auto wait = std::clamp<Nanoseconds>((until - now()) / 1'000'000, 1, 20);
    const int count = epoll_wait(epoll_, events, kEvents, static_cast<int>(wait));
    for (int i = 0; i < count; ++i) answer(connections_[events[i].data.u64]);
  }

  void answer(Connection& one) {
    const ssize_t got =
        recv(one.fd, one.answer.data() + one.partial, one.answer.size() - one.partial, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      if (one.broken.empty()) one.broken = got == 0 ? "closed" : std::strerror(errno);
      epoll_ctl(epoll_, EPOLL_CTL_DEL, one.fd, nullptr);
      return;
    }
    one.partial += static_cast<size_t>(got);
    if (one.partial < one.answer.size()) return;
    uint64_t number = 0;
    std::memcpy(&number, one.answer.data(), sizeof number);
    one.partial = 0;
    one.longest = std::max(one.longest, now() - one.said_at);
    ++one.heard;
    if (number != one.heard) one.broken = "wrong number";
  }

  [[nodiscard]] size_t waiting() const {
    return static_cast<size_t>(
        std::count_if(connections_.begin(), connections_.end(),
                      [](const Connection& one) { return one.broken.empty() && one.heard < one.said; }));
  }

  const TcpOptions& options_;
  int epoll_;
  std::vector<Connection> connections_;
};

}  // namespace

std::string run_tcp(const TcpOptions& options) {
  const uint16_t port = ntohs(reinterpret_cast<const sockaddr_in*>(options.destination.get())->sin_port);
  const EchoServer server(options.to, any_of(options.destination, port));
  Client client(options);
  std::fprintf(stderr, "ready\n");
  client.run();
  return client.report();
}

}  // namespace outrigger::chaos
