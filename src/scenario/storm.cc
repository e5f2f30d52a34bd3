#include "scenario/storm.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "lab/netns.h"
#include "lab/process.h"
#include "scenario/world.h"

namespace outrigger::scenario {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTurn = std::chrono::milliseconds(1);
constexpr size_t kSenders = 16;     // source ports of the datagrams
constexpr size_t kConnecting = 64;  // connections under way; the oldest is given up for a new one

class Sender {
 public:
  explicit Sender(const std::string& to) {
    target_.sin_family = AF_INET;
    inet_pton(AF_INET, to.c_str(), &target_.sin_addr);
  }

  absl::Status open() {
    for (Descriptor& one : datagrams_) {
      one = Descriptor(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (!one) return absl::ErrnoToStatus(errno, "storm: socket");
    }
    return absl::OkStatus();
  }

  void datagram() {
    const unsigned ports = kLastDeniedPort - kFirstDeniedPort + 1;
    const auto port = static_cast<uint16_t>(kFirstDeniedPort + sent_ % ports);
    (void)sendto(datagrams_[sent_++ % kSenders].get(), "knock", 5, MSG_NOSIGNAL, at(port), sizeof target_);
  }

  // Closed by RST: nothing lingers here, and the next may have its port.
  void connection() {
    Descriptor fresh(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fresh) return;
    const linger at_once{1, 0};
    (void)setsockopt(fresh.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)connect(fresh.get(), at(kStormPort), sizeof target_);
    connections_[made_++ % kConnecting] = std::move(fresh);
  }

 private:
  const sockaddr* at(uint16_t port) {
    target_.sin_port = htons(port);
    return reinterpret_cast<const sockaddr*>(&target_);
  }

  sockaddr_in target_{};
  std::array<Descriptor, kSenders> datagrams_;
  std::array<Descriptor, kConnecting> connections_;
  uint64_t sent_ = 0, made_ = 0;
};

// How many are due after so many seconds, when only bursts count.
double due(double seconds, double rate, const StormShape& shape) {
  const double period = shape.burst_s + shape.pause_s;
  const double whole = std::floor(seconds / period);
  return rate * (whole * shape.burst_s + std::min(seconds - whole * period, shape.burst_s));
}

void rage(Sender& sender, const StormShape& shape, const std::atomic<bool>& stop) {
  const Clock::time_point began = Clock::now();
  double datagrams = 0, connections = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    const double now = std::chrono::duration<double>(Clock::now() - began).count();
    for (; datagrams < due(now, shape.datagrams_per_second, shape); ++datagrams) sender.datagram();
    for (; connections < due(now, shape.connections_per_second, shape); ++connections) sender.connection();
    std::this_thread::sleep_for(kTurn);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storm>> Storm::begin(const std::string& from, const std::string& to,
                                                    const StormShape& shape) {
  auto sender = std::make_shared<Sender>(to);
  if (absl::Status status = lab::inside(from, [&] { return sender->open(); }); !status.ok()) return status;
  std::unique_ptr<Storm> storm(new Storm);
  storm->thread_ = std::thread([&stop = storm->stop_, from, sender, shape] {
    lab::pin(lab::Side::kDpu);
    lab::inside(from, [&] {
      rage(*sender, shape, stop);
      return absl::OkStatus();
    }).IgnoreError();
  });
  return storm;
}

Storm::~Storm() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace outrigger::scenario
