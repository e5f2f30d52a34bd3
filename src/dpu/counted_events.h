// Told of what happens on its way to the journal, for the counts of failovers, and of what began that nobody
// ordered and that a version could have brought about.
#pragma once

#include <algorithm>
#include <atomic>
#include <utility>

#include "dpu/journal/rules.h"

namespace outrigger::agent {

class CountedEvents final : public Events {
 public:
  explicit CountedEvents(Events& next) : next_(next) {}
  void record(Event event) override {
    const bool crash = event.kind == Kind::kEngineCrash || event.kind == Kind::kEngineStall;
    if (crash && event.phase == Phase::kAct) failovers.fetch_add(1);
    if (counts(event)) incidents.fetch_add(1);
    next_.record(std::move(event));
  }
  std::atomic<uint64_t> failovers{0}, incidents{0};

 private:
  static bool counts(const Event& event) {
    constexpr Kind kOfAVersion[] = {Kind::kHealth,     Kind::kEngineCrash, Kind::kEngineStall,
                                    Kind::kPortsCrash, Kind::kSidecar,     Kind::kPeer};
    const bool begins = event.phase == Phase::kBegin || event.phase == Phase::kPoint;
    return begins && std::ranges::count(kOfAVersion, event.kind) > 0 && forms_incident(event) &&
           !event.evidence.contains(kOrderedBy);
  }

  Events& next_;
};

}  // namespace outrigger::agent
