// The probe against servers whose faults are known.
#include "measure/latency_probe.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace outrigger::measure {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// On the loopback, one thread: what it does for one connection delays all.
class Server {
 public:
  using Reply = std::function<std::string(const std::string& request)>;

  explicit Server(Reply reply)
      : reply_(std::move(reply)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), 512) != 0) abort();
    (void)getsockname(listener_.get(), generic, &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
  }
  void stall(int ms) { stall_ms_ = ms; }
  [[nodiscard]] Target target(const std::string& protocol) const {
    return *parse_target(absl::StrCat(protocol, "://127.0.0.1:", port_));
  }
  [[nodiscard]] size_t accepted() const { return accepted_; }

 private:
  void run() {
    while (!stop_) {
      std::this_thread::sleep_for(milliseconds(stall_ms_.exchange(0)));
      std::vector<pollfd> ready = {{listener_.get(), POLLIN, 0}};
      for (const auto& [fd, connection] : connections_) ready.push_back({fd, POLLIN, 0});
      if (poll(ready.data(), ready.size(), 5) <= 0) continue;
      if (ready[0].revents != 0) take();
      for (size_t i = 1; i < ready.size(); ++i) {
        if (ready[i].revents != 0) answer(ready[i].fd);
      }
    }
  }
  void take() {
    Descriptor one(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!one) return;
    ++accepted_;
    const int fd = one.get();
    connections_.emplace(fd, std::move(one));
  }
  void answer(int fd) {
    char bytes[4096];
    const ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size <= 0) {
      connections_.erase(fd);
      return;
    }
    const std::string reply = reply_(std::string(bytes, static_cast<size_t>(size)));
    if (!reply.empty()) (void)send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    if (reply.find("Connection: close") != std::string::npos) connections_.erase(fd);
  }

  const Reply reply_;
  const Descriptor listener_;
  uint16_t port_ = 0;
  std::map<int, Descriptor> connections_;
  std::atomic<bool> stop_{false};
  std::atomic<int> stall_ms_{0};
  std::atomic<size_t> accepted_{0};
  std::thread thread_;
};

std::string pong(const std::string&) { return "+PONG\r\n"; }
std::string nothing(const std::string&) { return ""; }

Answered ask(const ProbeOptions& options, int ms) {
  auto probe = LatencyProbe::start(options);
  EXPECT_TRUE(probe.ok()) << probe.status();
  std::this_thread::sleep_for(milliseconds(ms));
  (*probe)->finish();
  return (*probe)->take();
}

TEST(LatencyProbe, AsksAtItsRateAndKeepsItsConnections) {
  Server server(pong);
  const Answered answered = ask({.target = server.target("redis"), .rate = 300, .connections = 4}, 1000);
  EXPECT_GT(answered.sent, 200u);
  EXPECT_LT(answered.sent, 450u);
  EXPECT_EQ(answered.failed, 0u);
  EXPECT_EQ(answered.latency.count(), answered.sent);
  EXPECT_LE(server.accepted(), 4u);
  EXPECT_GT(answered.latency.min(), 1000u) << "nothing goes over a socket in a microsecond";
}

// 200 requests a second and a stall of 400 ms: some 80 were to be sent in it, and the first of them waited
// for all of it.  A closed loop over 4 connections would have seen 4.
TEST(LatencyProbe, TellsAStallInFull) {
  Server server(pong);
  auto probe = LatencyProbe::start({.target = server.target("redis"), .rate = 200, .connections = 4});
  ASSERT_TRUE(probe.ok());
  std::this_thread::sleep_for(milliseconds(200));
  server.stall(400);
  std::this_thread::sleep_for(milliseconds(800));
  (*probe)->finish();
  const Answered answered = (*probe)->take();
  EXPECT_EQ(answered.latency.count() + answered.failed, answered.sent);
  EXPECT_EQ(answered.failed, 0u);
  EXPECT_GT(answered.latency.max(), 380'000'000u);
  EXPECT_GT(answered.latency.above(200'000'000), 25u)
      << "half of those that fell into it waited for half of it";
  EXPECT_GT(answered.latency.above(50'000'000), 50u);
}

TEST(LatencyProbe, WhatIsRefusedHasFailed) {
  Target target;
  {
    const Server gone(pong);
    target = gone.target("redis");
  }
  const Answered answered = ask({.target = target, .rate = 200}, 300);
  EXPECT_GT(answered.sent, 20u);
  EXPECT_EQ(answered.failed, answered.sent);
  EXPECT_EQ(answered.latency.count(), 0u);
}

TEST(LatencyProbe, WhatIsNeverAnsweredHasFailed) {
  Server server(nothing);
  const Answered answered =
      ask({.target = server.target("tcp"), .rate = 100, .connections = 2, .timeout_ns = 100'000'000}, 400);
  EXPECT_GT(answered.sent, 15u);
  EXPECT_EQ(answered.failed, answered.sent);
}

TEST(LatencyProbe, ErrorsHaveFailed) {
  Server server([](const std::string&) { return "-ERR no\r\n"; });
  const Answered answered = ask({.target = server.target("redis"), .rate = 100}, 300);
  EXPECT_GT(answered.sent, 10u);
  EXPECT_EQ(answered.failed, answered.sent);
}

TEST(LatencyProbe, OpensNewConnectionsWhereItMust) {
  Server kept([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; });
  Server closing(
      [](const std::string&) { return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"; });
  Server echo([](const std::string& request) { return request; });
  const Answered on_kept = ask({.target = kept.target("http"), .rate = 100}, 300);
  EXPECT_EQ(on_kept.failed, 0u);
  EXPECT_LE(kept.accepted(), 8u);
  const Answered on_closing = ask({.target = closing.target("http"), .rate = 100}, 300);
  EXPECT_EQ(on_closing.failed, 0u);
  EXPECT_EQ(closing.accepted(), on_closing.sent);
  const Answered on_echo = ask({.target = echo.target("tcp"), .rate = 100}, 300);
  EXPECT_EQ(on_echo.failed, 0u);
  EXPECT_EQ(echo.accepted(), on_echo.sent);
  const size_t before = kept.accepted();
  const Answered fresh = ask({.target = kept.target("http"), .rate = 100, .fresh = true}, 300);
  EXPECT_EQ(fresh.failed, 0u);
  EXPECT_EQ(kept.accepted() - before, fresh.sent);
  const Answered connects = ask({.target = kept.target("connect"), .rate = 100}, 300);
  EXPECT_EQ(connects.failed, 0u);
  EXPECT_GT(connects.latency.count(), 10u);
}

TEST(LatencyProbe, SaysWhatIsWrongWithItsOptions) {
  const Target target{.protocol = "redis", .host = "127.0.0.1", .port = 1};
  const auto error = [](const ProbeOptions& options) {
    return std::string(LatencyProbe::start(options).status().message());
  };
  EXPECT_THAT(error({.target = target, .rate = 0}), HasSubstr("rate 0"));
  EXPECT_THAT(error({.target = target, .rate = 1e9}), HasSubstr("at most"));
  EXPECT_THAT(error({.target = target, .connections = 0}), HasSubstr("0 connections"));
  EXPECT_THAT(error({.target = target, .netns = "/run/netns/no-such"}), HasSubstr("/run/netns/no-such"));
  EXPECT_THAT(error({.target = {.protocol = "redis", .host = "no..such", .port = 1}}), HasSubstr("no..such"));
}

}  // namespace
}  // namespace outrigger::measure
