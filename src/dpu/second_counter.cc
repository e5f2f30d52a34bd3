#include "dpu/second_counter.h"

#include <chrono>
#include <utility>

#include "base/steady_time.h"
#include "packet/drop.h"

namespace outrigger::agent {

SecondCounter::SecondCounter(Observations& to, Sources sources)
    : to_(to), sources_(std::move(sources)), thread_([this] { run(); }) {}

SecondCounter::~SecondCounter() {
  {
    const std::lock_guard lock(lock_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

uint64_t SecondCounter::ours(const std::vector<uint64_t>& drops) {
  uint64_t sum = 0;
  for (const DropInfo& info : kDrops) {
    const auto at = static_cast<size_t>(info.drop);
    const bool full = info.service == "engine" || info.drop == Drop::kSessionTableFull ||
                      info.drop == Drop::kFragmentTableFull;
    if (full && info.drop != Drop::kNone && at < drops.size()) sum += drops[at];
  }
  return sum;
}

// A new engine counts from 0: what has become less has not grown.
void SecondCounter::run() {
  uint64_t drops = ours(sources_.drops()), incidents = sources_.incidents();
  for (;;) {
    const absl::Time start = steady_time();
    {
      std::unique_lock lock(lock_);
      if (wake_.wait_for(lock, std::chrono::seconds(1), [this] { return ending_; })) return;
    }
    const uint64_t drops_now = ours(sources_.drops()), incidents_now = sources_.incidents();
    to_.count({start, drops_now > drops, incidents_now > incidents});
    drops = drops_now;
    incidents = incidents_now;
  }
}

}  // namespace outrigger::agent
