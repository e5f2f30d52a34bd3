#include "host/chronicle.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace outrigger::host {

namespace {

// As the DPU's desk names it: both ends tell of one thing.
constexpr char kSubject[] = "host link";

bool carries(State state) {
  return state == State::kBlocking || state == State::kActive || state == State::kHandingBack;
}

Chronicle::Evidence event(const char* kind, const char* phase) {
  return {{"kind", kind}, {"phase", phase}, {"subject", kSubject}};
}

// How long it took to find out: for the incident's time to detect.
std::string since(absl::Duration moment) {
  return absl::StrCat(absl::ToInt64Milliseconds(boottime() - moment));
}

}  // namespace

void Chronicle::note(Severity severity, const std::string& message, Evidence evidence) {
  Record record{.time = absl::Now(),
                .monotonic_ns = monotonic_now_ns(),
                .side = "host",
                .domain = Domain::kHost,
                .service = "fallback",
                .severity = severity,
                .message = message,
                .evidence = std::move(evidence)};
  std::cout << to_json(record) << std::endl;
  log_.record(std::move(record));
}

void Chronicle::of_fallback(const std::string& severity, const std::string& message) {
  Evidence evidence;
  Severity shown = severity_named(severity).value_or(Severity::kInfo);
  const State now = fallback_ == nullptr ? told_ : fallback_->state();
  if (carries(now) != carries(told_)) {
    evidence = event("fallback", carries(now) ? "begin" : "end");
    if (carries(now)) shown = std::max(shown, Severity::kWarning);
    if (carries(now) && !fallback_->ordered()) evidence["detect_ms"] = since(answered_);
  } else if (carries(now) && now != told_) {
    evidence = event("fallback", "act");
  }
  told_ = now;
  note(shown, message, std::move(evidence));
}

void Chronicle::follow(const Fallback& fallback) {
  fallback_ = &fallback;
  told_ = fallback.state();
}

void Chronicle::look(const Keeper::News& news) {
  answered_ = news.answered;
  if (news.lease != lease_) {
    lease_ = news.lease;
    Evidence evidence = event("lease_lost", lease_ ? "end" : "begin");
    if (!lease_) evidence["detect_ms"] = since(answered_);
    if (!lease_ && !news.link_fault.empty()) evidence["link"] = news.link_fault;
    note(lease_ ? Severity::kInfo : Severity::kWarning,
         lease_ ? "the DPU answers again" : "the DPU's lease has expired without an answer",
         std::move(evidence));
  }
  if (news.refusal == refusal_) return;
  refusal_ = news.refusal;
  if (!refusal_.empty())
    note(Severity::kError, absl::StrCat("a bundle is refused: ", refusal_), event("bad_bundle", "point"));
}

}  // namespace outrigger::host
