// A version that is in force has yet to earn its place: what a rollout's thread does in settle, analyse and
// hold.
#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/steady_time.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/rollout/running.h"

namespace outrigger::agent {

namespace {

constexpr const char* kBefore = "before-change";

const char* word(Health health) {
  constexpr const char* kWords[] = {"unknown", "starting", "ready", "degraded", "failed"};
  return kWords[static_cast<size_t>(health)];
}

std::string evidence_of(const ServiceState& state) {
  return absl::StrCat(state.service, " is ", word(state.health), " (probe ", state.probe, ", ",
                      state.succeeded, " ok, ", state.failed, " failed", state.reason.empty() ? "" : ": ",
                      state.reason, ")");
}

}  // namespace

// What is remembered between two looks.
struct Rollouts::Watch {
  std::function<std::string()> version;
  absl::Time began;
  absl::Time ready_since = absl::InfiniteFuture();
  absl::Time analysed_since = absl::InfiniteFuture();
  absl::Time judged = absl::InfinitePast();
  bool gate_holds = false;  // until somebody says a word
  Measured before;
};

struct Rollouts::Look {
  absl::Time now;
  ServiceState state;
  std::string present;  // version; empty: no engine is active at this moment, which health will tell
  bool no_data = false, bad = false;
};

struct Rollouts::WayBack {
  Happening why = Happening::kFailed;
  std::string actor = "agent", reason, evidence;
};

Rollouts::Look Rollouts::look_at(const Running& one, const Watch& watch) const {
  Look look;
  if (board_ != nullptr) look.state = board_->of(one.request.service());
  look.present = watch.version();
  look.now = steady_time();
  const bool stale = look.now - look.state.last_probe > times_.stale;
  look.no_data = board_ == nullptr || look.state.health == Health::kUnknown || stale;
  look.bad =
      !look.no_data && (look.state.health == Health::kFailed || look.state.health == Health::kDegraded);
  return look;
}

std::optional<Rollouts::WayBack> Rollouts::way_back(Running& one, const Look& look,
                                                    const std::optional<Judgement>& judged) {
  if (one.word)
    return WayBack{*std::exchange(one.word, std::nullopt), one.word_actor, one.word_reason,
                   evidence_of(look.state)};
  if (!look.present.empty() && look.present != one.request.to())
    return WayBack{.reason = absl::StrCat(one.request.to(), " did not stay in force"),
                   .evidence = evidence_of(look.state)};
  if (look.bad) return WayBack{.reason = "health left ready", .evidence = evidence_of(look.state)};
  if (judged && judged->gate == stats::Gate::kRollBack)
    return WayBack{.reason = judged->reason, .evidence = judged->evidence};
  return std::nullopt;
}

// Kept when the service has been ready for the whole time, and the gate, where one is asked, lets it pass;
// back when it is not; held while nobody knows.  A version that crashed may be replaced by the old one so
// fast that health never leaves ready, and what probes found before the change tells nothing about the new
// version: neither counts.
void Rollouts::watch(Running& one) {
  Watch watch{.began = steady_time()};
  {
    const std::lock_guard lock(mutex_);
    watch.version = changers_[one.request.service()].version;
  }
  for (;;) {
    const Look look = look_at(one, watch);
    const std::optional<Judgement> judged = this->judged(one, watch, look.now);
    std::unique_lock lock(mutex_);
    v1::Rollout& rollout = *find(one.request.service());
    if (stopping_) return;
    if (one.word == Happening::kPromote) {
      (void)step(rollout, *std::exchange(one.word, std::nullopt), one.word_actor, one.word_reason,
                 evidence_of(look.state));
      return;
    }
    if (const std::optional<WayBack> back = way_back(one, look, judged); back) {
      lock.unlock();
      return go_back(one, back->why, back->actor, back->reason, back->evidence);
    }
    if (judged && !rollout.paused()) {
      const bool passed = judged->gate == stats::Gate::kPromote;
      (void)step(rollout, passed ? Happening::kPassed : Happening::kNoData, "agent", judged->reason,
                 judged->evidence);
      watch.gate_holds = !passed;
      watch.analysed_since = absl::InfiniteFuture();
    }
    go_on(one, watch, look);
    if (ended(stage_of(rollout))) return;
    wake_.wait_for(lock, absl::ToChronoMilliseconds(times_.poll));
  }
}

// Between settle and hold, as far as health is known, and on from settle.  With the lock.
void Rollouts::go_on(Running& one, Watch& watch, const Look& look) {
  v1::Rollout& rollout = *find(one.request.service());
  const Stage stage = stage_of(rollout);
  if (ended(stage) || watch.gate_holds) return;
  if (look.no_data != (stage == Stage::kHold)) {
    (void)step(rollout, look.no_data ? Happening::kNoData : Happening::kData, "agent",
               look.no_data ? "nothing is known about its health" : "its health is known again",
               look.no_data ? "no probe has answered lately" : evidence_of(look.state));
    watch.ready_since = watch.analysed_since = absl::InfiniteFuture();
  }
  const absl::Duration settle = absl::Seconds(one.request.settle_seconds());
  const bool ready = !look.no_data && look.state.health == Health::kReady &&
                     look.state.last_probe > watch.began && !rollout.paused();
  watch.ready_since = ready ? std::min(watch.ready_since, look.now) : absl::InfiniteFuture();
  if (!ready || look.now - watch.ready_since < settle || stage_of(rollout) != Stage::kSettle) return;
  if (one.request.analyse_seconds() > 0) return begin_analyse(one, watch, look);
  (void)step(rollout, Happening::kPassed, "agent", absl::StrCat("ready for ", absl::FormatDuration(settle)),
             evidence_of(look.state));
}

void Rollouts::begin_analyse(Running& one, Watch& watch, const Look& look) {
  v1::Rollout& rollout = *find(one.request.service());
  watch.before = before(rollout.service(), rollout.id());
  watch.analysed_since = look.now;
  (void)step(rollout, Happening::kSettled, "agent",
             absl::StrCat("what the host measures is judged in ",
                          absl::FormatDuration(absl::Seconds(one.request.analyse_seconds()))),
             evidence_of(look.state));
}

// Stored, for the agent may die before it is needed; one note of each service.
void Rollouts::keep_before(const Running& one) {
  if (measurements_ == nullptr || one.request.analyse_seconds() <= 0) return;
  const absl::Time now = steady_time();
  const Measured measured = measurements_->between(now - absl::Seconds(one.request.analyse_seconds()), now);
  (void)memory_.put(kBefore, one.request.service(), absl::StrCat(one.id, "\n", to_note(measured)));
}

// Empty when there is nothing: the gate then holds.
Measured Rollouts::before(const std::string& service, const std::string& id) const {
  const auto notes = memory_.all(kBefore);
  if (!notes.ok()) return {};
  const auto found = notes->find(service);
  if (found == notes->end()) return {};
  absl::string_view text = found->second;
  if (!absl::ConsumePrefix(&text, absl::StrCat(id, "\n"))) return {};
  auto measured = from_note(std::string(text));
  return measured.ok() ? *std::move(measured) : Measured();
}

// Nothing while it is too early to say.  Without the lock: it may take a tenth of a second.
std::optional<Judgement> Rollouts::judged(const Running& one, Watch& watch, absl::Time now) const {
  if (watch.analysed_since == absl::InfiniteFuture() || now - watch.judged < times_.judge_every)
    return std::nullopt;
  watch.judged = now;
  const absl::Duration planned = absl::Seconds(one.request.analyse_seconds());
  const absl::Time end = watch.analysed_since + planned;
  Measured after;
  if (measurements_ != nullptr) after = measurements_->between(watch.analysed_since, std::min(now, end));
  if (now < end + times_.arrive && !counts_speak(watch.before, after, planned)) return std::nullopt;
  const double margin = one.request.margin() > 0 ? one.request.margin() : kDefaultMargin;
  return judge_change(watch.before, after, margin, planned);
}

}  // namespace outrigger::agent
