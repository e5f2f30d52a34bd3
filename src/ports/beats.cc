#include "ports/beats.h"

#include <algorithm>

namespace outrigger::ports {

namespace {

bool stopped(const ThreadState& state) { return state.letter == 'T' || state.letter == 't'; }

}  // namespace

void BeatJudge::restart(SteadyTime at) {
  since_ = at;
  first_.reset();
  told_ = false;
}

std::chrono::nanoseconds BeatJudge::silent(SteadyTime at) const {
  return since_ == SteadyTime{} ? std::chrono::nanoseconds(0) : at - since_;
}

Verdict BeatJudge::look(const Look& now, SteadyTime at, const Kernel& kernel) {
  const bool changed = now.beat != last_.beat || now.owner != last_.owner || now.thread != last_.thread;
  if (now.owner != last_.owner) owned_ = at;
  last_ = now;
  if (changed || now.owner == engine::kNobody || since_ == SteadyTime{}) {
    restart(at);
    return Verdict::kAlive;
  }
  if (now.thread == 0) return gone(at);  // never woke up
  if (silent(at) < limits_.stall / 4) return Verdict::kAlive;
  if (!first_) {
    first_ = kernel();
    measured_ = at;
    return first_ ? Verdict::kAlive : gone(at);
  }
  return silent(at) < limits_.stall ? Verdict::kAlive : judge(now, at, kernel);
}

// Its thread is not there: mostly because its process has ended, which a pidfd tells at once.
Verdict BeatJudge::gone(SteadyTime at) const {
  return silent(at) < limits_.starve ? Verdict::kAlive : Verdict::kStalled;
}

Verdict BeatJudge::judge(const Look& now, SteadyTime at, const Kernel& kernel) {
  const auto state = kernel();
  if (!state) return gone(at);
  if (stopped(*state)) return Verdict::kStalled;
  if (now.doing == engine::Doing::kResting) {
    restart(at);  // asked again a little later
    return Verdict::kAlive;
  }
  if (at - owned_ < limits_.starve) return Verdict::kAlive;  // it mends what its predecessor left
  const auto measured = at - measured_;
  const bool known = measured >= 2 * state->grain;
  if (known && state->cpu - first_->cpu >= measured / 2) return Verdict::kStalled;
  if (silent(at) >= limits_.starve) return Verdict::kStalled;
  if (!known || told_) return Verdict::kAlive;
  told_ = true;
  return Verdict::kStarved;
}

}  // namespace outrigger::ports
