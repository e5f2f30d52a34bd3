#include "dpu/health/runner.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace outrigger::agent {

namespace {

constexpr auto kTick = std::chrono::milliseconds(100);
constexpr absl::Duration kOverslept = absl::Milliseconds(300);

}  // namespace

Runner::Runner(Board& board) : board_(board), clock_([this] { watch_silence(); }) {}

Runner::~Runner() {
  while (!lines_.empty()) remove(lines_.begin()->first);
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  clock_.join();
  for (const auto& line : leaving_) line->thread.join();
}

void Runner::add(const std::string& service, Probe probe, absl::Duration interval, absl::Duration first) {
  remove(service);
  reap();
  auto line = std::make_unique<Line>();
  line->service = service;
  line->probe = std::move(probe);
  line->interval = interval;
  line->first = std::min(first, interval);
  line->thread = std::thread([this, self = line.get()] { run(*self); });
  lines_.emplace(service, std::move(line));
}

void Runner::remove(const std::string& service) {
  const auto found = lines_.find(service);
  if (found == lines_.end()) return;
  {
    const std::lock_guard lock(found->second->mutex);
    found->second->stop = true;
  }
  found->second->wake.notify_all();
  leaving_.push_back(std::move(found->second));
  lines_.erase(found);
}

void Runner::reap() {
  leaving_.remove_if([](const std::unique_ptr<Line>& line) {
    {
      const std::lock_guard lock(line->mutex);
      if (!line->ended) return false;
    }
    line->thread.join();
    return true;
  });
}

// Whoever took its place may be another probe of the same service: a late result of this one is not told.
void Runner::run(Line& line) {
  std::unique_lock lock(line.mutex);
  while (!line.stop) {
    const auto began = std::chrono::steady_clock::now();
    lock.unlock();
    const Finding finding = line.probe();
    lock.lock();
    if (line.stop) break;
    board_.note(line.service, finding);
    const bool young =
        finding.outcome == ProbeOutcome::kPass && board_.of(line.service).health == Health::kStarting;
    const auto due = began + absl::ToChronoNanoseconds(young ? line.first : line.interval);
    line.wake.wait_until(lock, due, [&line] { return line.stop; });
  }
  line.ended = true;
}

void Runner::watch_silence() {
  std::unique_lock lock(mutex_);
  for (absl::Time last = steady_time(); !wake_.wait_for(lock, kTick, [this] { return stop_; });) {
    lock.unlock();
    const absl::Time now = steady_time();
    if (now - last > kOverslept) board_.forgive(now - last, now);
    board_.tick(now);
    last = now;
    lock.lock();
  }
}

}  // namespace outrigger::agent
