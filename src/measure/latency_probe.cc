#include "measure/latency_probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "measure/clock.h"
#include "measure/connection.h"

namespace outrigger::measure {

namespace {

constexpr double kMostRate = 200'000;
constexpr size_t kMostConnections = 4096;
constexpr uint64_t kTickNs = 100'000'000;  // how late a timeout is noticed; who wakes more often is noise

absl::StatusOr<Address> resolve(const Target& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(target.host.c_str(), absl::StrCat(target.port).c_str(), &hints, &found);
  if (failed != 0)
    return absl::NotFoundError(absl::StrCat("no address of \"", target.host, "\": ", gai_strerror(failed)));
  Address out{.length = found->ai_addrlen};
  std::memcpy(&out.bytes, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return out;
}

absl::Status check(const ProbeOptions& options) {
  if (!(options.rate > 0) || options.rate > kMostRate)
    return absl::InvalidArgumentError(absl::StrCat("rate ", options.rate, ": above 0, at most ", kMostRate));
  if (options.connections == 0 || options.connections > kMostConnections)
    return absl::InvalidArgumentError(
        absl::StrCat(options.connections, " connections: from 1 to ", kMostConnections));
  if (options.timeout_ns == 0) return absl::InvalidArgumentError("a timeout of 0 leaves no time to answer");
  return absl::OkStatus();
}

}  // namespace

class LatencyProbe::Asker {
 public:
  Asker(const ProbeOptions& options, const Address& address) : options_(options), address_(address) {}
  ~Asker() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  absl::Status start();
  void finish() {
    finishing_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Answered take() {
    const std::lock_guard guard(lock_);
    return std::exchange(answered_, {});
  }

 private:
  absl::Status prepare();
  void run();
  bool turn();  // false: all is said
  void fall_due(uint64_t now);
  void assign();
  void expire(uint64_t now);
  void wait();
  void record(Connection& connection, Connection::Outcome outcome);
  void count_failed(uint64_t times);

  const ProbeOptions options_;
  const Address address_;
  Descriptor netns_, epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;
  std::deque<uint64_t> waiting_;  // intended starts of those for which no connection was free
  std::minstd_rand random_;
  uint64_t begun_ = 0, scheduled_ = 0, next_due_ = 0, expired_at_ = 0;
  std::atomic<bool> stopping_{false}, finishing_{false};
  std::mutex lock_;
  Answered answered_;  // under lock_
  std::thread thread_;
};

absl::Status LatencyProbe::Asker::start() {
  if (!options_.netns.empty()) {
    netns_.reset(open(options_.netns.c_str(), O_RDONLY | O_CLOEXEC));
    if (!netns_) return absl::ErrnoToStatus(errno, absl::StrCat("network namespace ", options_.netns));
  }
  std::promise<absl::Status> prepared;
  thread_ = std::thread([this, &prepared] {
    const absl::Status status = prepare();
    prepared.set_value(status);
    if (status.ok()) run();
  });
  return prepared.get_future().get();
}

// On its own thread, which alone changes its namespace.
absl::Status LatencyProbe::Asker::prepare() {
  if (netns_ && setns(netns_.get(), CLONE_NEWNET) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot enter network namespace ", options_.netns));
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return absl::ErrnoToStatus(errno, "latency probe");
  (void)prctl(PR_SET_TIMERSLACK, 1);  // else the kernel may be 50 µs late of its own accord
  for (uint32_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(
        std::make_unique<Connection>(address_, options_.target, options_.fresh, epoll_.get(), i));
    free_.push_back(connections_.back().get());
  }
  begun_ = now_ns();
  next_due_ = begun_;
  return absl::OkStatus();
}

void LatencyProbe::Asker::run() {
  while (turn()) {
  }
  uint64_t unanswered = waiting_.size();
  for (const auto& connection : connections_) unanswered += connection->busy() ? 1 : 0;
  count_failed(unanswered);
}

bool LatencyProbe::Asker::turn() {
  const uint64_t now = now_ns();
  if (stopping_) return false;
  if (!finishing_) fall_due(now);
  assign();
  if (now - expired_at_ >= kTickNs) expire(now);
  if (finishing_ && waiting_.empty() && free_.size() == connections_.size()) return false;
  wait();
  return true;
}

// Each has an equal part of time, and a random place in it: nothing periodic is in step with them.
void LatencyProbe::Asker::fall_due(uint64_t now) {
  uint64_t due = 0;
  for (; next_due_ <= now; ++due) {
    waiting_.push_back(next_due_);
    const double place = std::uniform_real_distribution<double>(0, 1)(random_);
    const double at = (static_cast<double>(++scheduled_) + place) / options_.rate;
    next_due_ = begun_ + static_cast<uint64_t>(at * 1e9);
  }
  if (due == 0) return;
  const std::lock_guard guard(lock_);
  answered_.sent += due;
}

void LatencyProbe::Asker::assign() {
  while (!waiting_.empty() && !free_.empty()) {
    Connection* connection = free_.back();
    free_.pop_back();
    const uint64_t intended = waiting_.front();
    waiting_.pop_front();
    record(*connection, connection->ask(intended));
  }
}

void LatencyProbe::Asker::expire(uint64_t now) {
  expired_at_ = now;
  const auto late = [&](uint64_t intended) { return intended + options_.timeout_ns < now; };
  for (; !waiting_.empty() && late(waiting_.front()); waiting_.pop_front()) count_failed(1);
  for (const auto& connection : connections_) {
    if (!connection->busy() || !late(connection->intended())) continue;
    connection->abandon();
    record(*connection, Connection::Outcome::kFailed);
  }
}

void LatencyProbe::Asker::wait() {
  const uint64_t now = now_ns();
  const uint64_t due = finishing_ ? UINT64_MAX : std::max(next_due_, now);
  const timespec patience{0, static_cast<long>(std::min(due - now, kTickNs))};
  std::array<epoll_event, 64> events{};
  const int count =
      epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &patience, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    Connection& connection = *connections_[event.data.u64 >> 32];
    const bool asked = connection.busy();
    const Connection::Outcome outcome = connection.ready(static_cast<uint32_t>(event.data.u64), event.events);
    if (asked) record(connection, outcome);
  }
}

void LatencyProbe::Asker::record(Connection& connection, Connection::Outcome outcome) {
  if (outcome == Connection::Outcome::kWaiting) return;
  free_.push_back(&connection);
  if (outcome == Connection::Outcome::kFailed) return count_failed(1);
  const uint64_t now = now_ns();
  const std::lock_guard guard(lock_);
  answered_.latency.add(now > connection.intended() ? now - connection.intended() : 0);
}

void LatencyProbe::Asker::count_failed(uint64_t times) {
  const std::lock_guard guard(lock_);
  answered_.failed += times;
}

LatencyProbe::LatencyProbe(std::unique_ptr<Asker> asker) : asker_(std::move(asker)) {}
LatencyProbe::~LatencyProbe() = default;

absl::StatusOr<std::unique_ptr<LatencyProbe>> LatencyProbe::start(const ProbeOptions& options) {
  if (absl::Status status = check(options); !status.ok()) return status;
  const absl::StatusOr<Address> address = resolve(options.target);
  if (!address.ok()) return address.status();
  auto asker = std::make_unique<Asker>(options, *address);
  if (absl::Status status = asker->start(); !status.ok()) return status;
  return std::unique_ptr<LatencyProbe>(new LatencyProbe(std::move(asker)));
}

Answered LatencyProbe::take() { return asker_->take(); }
void LatencyProbe::finish() { asker_->finish(); }

}  // namespace outrigger::measure
