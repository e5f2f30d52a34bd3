#include "measure/spin_gap.h"

#include <algorithm>
#include <random>

#include "measure/clock.h"
#include "measure/cpus.h"

namespace outrigger::measure {

namespace {

constexpr size_t kMostGaps = 8192;             // of a turn; it ends early then
constexpr uint64_t kLongestTurn = 50'000'000;  // ns; handed over then, that nobody waits long for it

}  // namespace

absl::StatusOr<std::unique_ptr<SpinGap>> SpinGap::start(const SpinOptions& options) {
  if (options.period_ns == 0 || options.turn_ns > options.period_ns)
    return absl::InvalidArgumentError("a turn of spinning is at most its period");
  if (options.cpu.has_value()) {
    if (absl::Status status = check_usable(*options.cpu); !status.ok()) return status;
  }
  std::unique_ptr<SpinGap> out(new SpinGap(options));
  out->thread_ = std::thread([spin = out.get()] { spin->run(); });
  return out;
}

SpinGap::SpinGap(const SpinOptions& options)
    : options_(options),
      turn_ns_(options.turn_ns),
      cpus_(options.cpu ? std::vector{*options.cpu} : usable_cpus()) {
  found_.reserve(kMostGaps);
}

SpinGap::~SpinGap() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  stop_asked_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Spun SpinGap::take() {
  const std::lock_guard guard(lock_);
  return std::exchange(spun_, {});
}

bool SpinGap::sleep(uint64_t ns) {
  std::unique_lock guard(lock_);
  return !stop_asked_.wait_for(guard, std::chrono::nanoseconds(ns), [this] { return stopping_; });
}

void SpinGap::run() {
  std::minstd_rand random(static_cast<unsigned>(now_ns()));
  for (size_t turns = 0;; ++turns) {
    if (!cpus_.empty()) (void)pin(pthread_self(), cpus_[turns % cpus_.size()]);
    const uint64_t turn = std::min(turn_ns_.load(), options_.period_ns);
    const uint64_t rest = options_.period_ns - turn;
    const uint64_t before = rest == 0 ? 0 : std::uniform_int_distribution<uint64_t>(0, rest)(random);
    if (!sleep(before)) return;
    for (uint64_t left = turn; left > 0;) {
      const uint64_t part = std::min(left, kLongestTurn);
      look(part);
      left -= part;
      if (!sleep(0)) return;
    }
    if (!sleep(rest - before)) return;
  }
}

void SpinGap::look(uint64_t length) {
  found_.clear();
  const uint64_t begin = now_ns();
  uint64_t last = begin;
  while (last - begin < length && found_.size() < kMostGaps) {
    const uint64_t now = now_ns();
    if (now - last >= kLeastGap) found_.push_back(now - last);
    last = now;
  }
  const std::lock_guard guard(lock_);
  for (const uint64_t gap : found_) spun_.gaps.add(gap);
  spun_.seconds += static_cast<double>(last - begin) / 1e9;
}

}  // namespace outrigger::measure
