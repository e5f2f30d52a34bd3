// Told of a crash or stall on its way to the journal, for the count of failovers.
#pragma once

#include <atomic>

#include "dpu/journal/events.h"

namespace outrigger::agent {

class CountedEvents final : public Events {
 public:
  explicit CountedEvents(Events& next) : next_(next) {}
  void record(Event event) override {
    const bool crash = event.kind == Kind::kEngineCrash || event.kind == Kind::kEngineStall;
    if (crash && event.phase == Phase::kAct) failovers.fetch_add(1);
    next_.record(std::move(event));
  }
  std::atomic<uint64_t> failovers{0};

 private:
  Events& next_;
};

}  // namespace outrigger::agent
