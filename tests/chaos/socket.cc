#include "chaos/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

namespace outrigger::chaos {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr int kBuffer = 64 << 20;  // bytes of a receiving socket: what is lost must be lost before it

std::atomic<bool> over{false};

void note(int) { over.store(true, std::memory_order_relaxed); }

void enter(int netns) {
  if (setns(netns, CLONE_NEWNET) != 0) fail("setns");
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "outrigger-stream: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

Address address(const std::string& text, uint16_t port) {
  Address result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof *v6;
  } else {
    errno = EINVAL;
    fail("address " + text);
  }
  return result;
}

Address any_of(const Address& like, uint16_t port) {
  return address(like.storage.ss_family == AF_INET ? "0.0.0.0" : "::", port);
}

int socket_in(const std::string& netns, int family, int type, int protocol) {
  const int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (!netns.empty()) {
    const int there = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
    if (there < 0) fail("namespace " + netns);
    enter(there);
    close(there);
  }
  const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) fail("socket");
  if (!netns.empty()) enter(home);
  close(home);
  return fd;
}

int listening(const std::string& netns, const Address& at, int type) {
  const int fd = socket_in(netns, at.storage.ss_family, type);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
  if (bind(fd, at.get(), at.length) != 0) fail("bind");
  if ((type & 0xf) == SOCK_STREAM && listen(fd, 1024) != 0) fail("listen");
  return fd;
}

Nanoseconds now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

void sleep_until(Nanoseconds when) {
  const timespec time{when / kSecond, when % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

void be_prompt() {
  prctl(PR_SET_TIMERSLACK, 1UL);
  const sched_param first{.sched_priority = 10};
  sched_setscheduler(0, SCHED_FIFO, &first);  // without leave for it: as prompt as one gets
}

void watch_for_the_end(double seconds) {
  struct sigaction action = {};
  action.sa_handler = note;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::thread([seconds] {
    if (seconds > 0) {
      sleep_until(now() + static_cast<Nanoseconds>(seconds * 1e9));
    } else {
      for (char c; read(STDIN_FILENO, &c, 1) > 0;) {
      }
    }
    over.store(true, std::memory_order_relaxed);
  }).detach();
}

bool ended() { return over.load(std::memory_order_relaxed); }

}  // namespace outrigger::chaos
