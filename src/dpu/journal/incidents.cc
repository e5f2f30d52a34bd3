#include "dpu/journal/incidents.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

double ms(int64_t ns) { return static_cast<double>(std::max<int64_t>(ns, 0)) / 1e6; }

double detect_ms(const Event& event) {
  if (event.first_sign == absl::InfinitePast()) return -1;
  return std::max(absl::ToDoubleMilliseconds(event.time - event.first_sign), 0.0);
}

void add_evidence(Incident& incident, std::string line) {
  auto& evidence = incident.evidence;
  if (line.empty() || std::ranges::find(evidence, line) != evidence.end()) return;
  if (evidence.size() < Incidents::kMostEvidence) evidence.push_back(std::move(line));
}

void add_evidence(Incident& incident, const Event& event) {
  std::string line = event.message;
  for (const auto& [key, value] : event.evidence) {
    if (key == "kind" || key == "phase" || key == "subject") continue;
    absl::StrAppend(&line, line.empty() ? "" : "; ", key, "=", value);
  }
  add_evidence(incident, std::move(line));
}

// Host and DPU tell of one fallback, each in its words and one of them later, maybe when it is over: that is
// no second one.
bool told_already(const Incident& incident, const std::string& side, int64_t clock_ns) {
  if (incident.state == IncidentState::kOver) return clock_ns <= incident.over_ns;
  return incident.side != side;
}

// What it was once a consequence of may be long over when it comes again: then it is another matter.
bool is_stale(const Incident& over, const Incident* cause, int64_t clock_ns) {
  return over.cause != 0 && cause != nullptr && cause->state == IncidentState::kOver &&
         clock_ns > cause->over_ns + Incidents::kAfterNs;
}

// What somebody ordered is a consequence of nothing, whatever else has just happened.
bool ordered(const Incident& incident) {
  return std::ranges::any_of(incident.evidence, [](const std::string& line) {
    return absl::StrContains(line, absl::StrCat(kOrderedBy, "="));
  });
}

// Two ends of a link may each miss the other; any other thing is the same whoever tells it.
bool matches(const Incident& incident, const Event& event, const std::string& side) {
  if (rule_of(event.kind).blame == Blame::kSide && incident.side != side) return false;
  return incident.kind == event.kind && incident.subject == event.subject &&
         incident.service == event.service;
}

}  // namespace

std::string_view name(IncidentState state) {
  constexpr std::string_view kNames[] = {"open", "recovering", "over"};
  return kNames[static_cast<size_t>(state)];
}

std::string Incident::id() const { return absl::StrCat("inc-", number); }

void Incidents::load(std::vector<Incident> known, int64_t clock_ns, absl::Time wall) {
  incidents_ = std::move(known);
  std::ranges::sort(incidents_, {}, &Incident::number);
  for (Incident& incident : incidents_) {
    next_ = std::max(next_, incident.number + 1);
    if (incident.state == IncidentState::kOver) {
      incident.began_ns = incident.over_ns = -kForgottenNs;  // whenever it was: nothing now belongs to it
      continue;
    }
    incident.from_before = true;
    incident.began_ns = clock_ns - std::max<int64_t>(absl::ToInt64Nanoseconds(wall - incident.began), 0);
    incident.again_ns = incident.began_ns;
    incident.last_ns = clock_ns;
  }
}

uint64_t Incidents::see(const Event& event, const std::string& side, int64_t clock_ns) {
  tick(clock_ns);
  switch (event.phase) {
    case Phase::kAct:
      return act(event, side, clock_ns);
    case Phase::kEnd:
      if (const uint64_t ended = end(event, side, clock_ns); ended != 0) return ended;
      // A plan that ended badly begins here; anything else ended that nobody saw begin.
      if (rule_of(event.kind).forms != Forms::kFromError) return 0;
      [[fallthrough]];
    case Phase::kPoint:
    case Phase::kBegin:
      return forms_incident(event) ? begin(event, side, clock_ns) : 0;
  }
  return 0;
}

Incident* Incidents::same_as(const Event& event, const std::string& side, int64_t clock_ns) {
  for (auto one = incidents_.rbegin(); one != incidents_.rend(); ++one) {
    if (!matches(*one, event, side)) continue;
    if (one->state != IncidentState::kOver) return &*one;
    const bool again = clock_ns - one->over_ns <= kRepeatNs && !is_stale(*one, find(one->cause), clock_ns);
    return again ? &*one : nullptr;
  }
  return nullptr;
}

uint64_t Incidents::begin(const Event& event, const std::string& side, int64_t clock_ns) {
  Incident* const same = same_as(event, side, clock_ns);
  if (same != nullptr && told_already(*same, side, clock_ns)) {
    if (same->detect_ms < 0) same->detect_ms = detect_ms(event);
    add_evidence(*same, event);
    changed(same->number);
    return same->number;
  }
  if (same != nullptr) {
    repeat(*same, event, clock_ns);
    return same->number;
  }
  Incident incident{.number = next_++,
                    .kind = event.kind,
                    .domain = domain_of(event, side),
                    .service = event.service,
                    .subject = event.subject,
                    .summary = event.message,
                    .side = side,
                    .began = event.time,
                    .began_ns = clock_ns,
                    .again_ns = clock_ns,
                    .last_ns = clock_ns,
                    .detect_ms = detect_ms(event)};
  // To refuse it was the act; and what fails as planned work is undone before it is told.
  if (event.kind == Kind::kRefusedAccess || rule_of(event.kind).forms == Forms::kFromError)
    incident.act_ms = 0;
  add_evidence(incident, event);
  add_evidence(incident, absl::StrCat("domain ", std::string(outrigger::name(incident.domain)), ": ",
                                      std::string(rule_of(event.kind).because)));
  find_cause(incident);
  incidents_.push_back(incident);
  adopt(incident);
  changed(incident.number);
  forget_oldest();
  return incident.number;
}

void Incidents::repeat(Incident& incident, const Event& event, int64_t clock_ns) {
  ++incident.count;
  if (incident.state == IncidentState::kOver) {
    incident.again_ns = clock_ns;
    incident.acted = false;
  }
  incident.state = incident.acted ? IncidentState::kRecovering : IncidentState::kOpen;
  incident.last_ns = clock_ns;
  incident.from_before = false;
  incident.detect_ms = std::max(incident.detect_ms, detect_ms(event));
  add_evidence(incident, event);
  changed(incident.number);
}

uint64_t Incidents::act(const Event& event, const std::string& side, int64_t clock_ns) {
  for (auto one = incidents_.rbegin(); one != incidents_.rend(); ++one) {
    if (!matches(*one, event, side) || one->state == IncidentState::kOver) continue;
    if (!one->acted) one->act_ms = std::max(one->act_ms, ms(clock_ns - one->again_ns));
    one->acted = true;
    one->state = IncidentState::kRecovering;
    add_evidence(*one, event);
    changed(one->number);
    return one->number;
  }
  return 0;
}

uint64_t Incidents::end(const Event& event, const std::string& side, int64_t clock_ns) {
  uint64_t ended = 0;
  for (auto one = incidents_.rbegin(); one != incidents_.rend(); ++one) {
    if (one->state == IncidentState::kOver) continue;
    // A service that is well again ends what an agent before us saw it fail of.
    const bool well_again = one->from_before && event.kind == Kind::kHealth && one->service == event.service;
    if (!matches(*one, event, side) && !well_again) continue;
    if (rule_of(one->kind).forms == Forms::kFromError && forms_incident(event)) continue;
    add_evidence(*one, event);
    close(*one, clock_ns);
    ended = std::max(ended, one->number);
  }
  if (ended != 0) return ended;
  Incident* const over = same_as(event, side, clock_ns);
  return over != nullptr && over->side != side ? over->number : 0;  // the other told it first
}

void Incidents::close(Incident& incident, int64_t clock_ns) {
  incident.recover_ms = std::max(incident.recover_ms, ms(clock_ns - incident.again_ns));
  incident.state = IncidentState::kOver;
  incident.over_ns = clock_ns;
  changed(incident.number);
}

void Incidents::tick(int64_t clock_ns) {
  for (Incident& incident : incidents_) {
    if (incident.state == IncidentState::kOver) continue;
    const int64_t still = clock_ns - incident.last_ns;
    if (rule_of(incident.kind).ends == Ends::kByQuiet && still > kQuietNs) {
      incident.state = IncidentState::kOver;
      incident.over_ns = clock_ns;
      changed(incident.number);
    } else if (incident.from_before && still > kForgottenNs) {
      add_evidence(incident, "its end was not seen: the agent was restarted while it was open");
      incident.state = IncidentState::kOver;
      incident.over_ns = clock_ns;
      changed(incident.number);
    }
  }
}

bool Incidents::in_time(const Incident& cause, const Incident& effect) const {
  if (effect.began_ns < cause.began_ns - kBeforeNs) return false;
  return cause.state != IncidentState::kOver || effect.began_ns <= cause.over_ns + kAfterNs;
}

// The strongest of those that may be the cause; of equals the latest.
void Incidents::find_cause(Incident& incident) {
  if (ordered(incident)) return;
  const Incident* best = nullptr;
  int best_rank = -1;
  for (const Incident& one : incidents_) {
    const int rank =
        cause_rank(one.kind, incident.kind, {one.service, one.subject, incident.service, incident.subject});
    if (rank < 0 || !in_time(one, incident)) continue;
    if (best != nullptr && rank > best_rank) continue;
    best = &one;
    best_rank = rank;
  }
  if (best != nullptr) fold(incident, *best);
}

// What was seen before its cause was.
void Incidents::adopt(const Incident& cause) {
  for (Incident& one : incidents_) {
    if (one.number == cause.number || one.cause != 0 || one.number == root_of(cause.number) || ordered(one))
      continue;
    const int rank =
        cause_rank(cause.kind, one.kind, {cause.service, cause.subject, one.service, one.subject});
    if (rank < 0 || !in_time(cause, one)) continue;
    fold(one, cause);
    changed(one.number);
  }
}

// One fault, one party to call: a consequence has the domain of its cause.
void Incidents::fold(Incident& consequence, const Incident& cause) {
  consequence.cause = cause.number;
  add_evidence(consequence, absl::StrCat("caused by ", cause.id(), ": ", cause.summary));
  consequence.domain = cause.domain;
  pass_domain_on(consequence.number, cause.domain);
}

void Incidents::pass_domain_on(uint64_t number, Domain domain) {
  for (Incident& one : incidents_) {
    if (one.cause != number || number == 0) continue;
    one.domain = domain;
    changed(one.number);
    pass_domain_on(one.number, domain);
  }
}

uint64_t Incidents::root_of(uint64_t number) const {
  for (const Incident* one = find(number); one != nullptr && one->cause != 0; one = find(number)) {
    number = one->cause;
  }
  return number;
}

const Incident* Incidents::find(uint64_t number) const {
  const auto found = std::ranges::lower_bound(incidents_, number, {}, &Incident::number);
  return found != incidents_.end() && found->number == number ? &*found : nullptr;
}

uint64_t Incidents::open_for(const std::string& service) const {
  for (auto one = incidents_.rbegin(); one != incidents_.rend(); ++one) {
    if (one->state != IncidentState::kOver && one->service == service) return one->number;
  }
  return 0;
}

std::vector<uint64_t> Incidents::consequences(uint64_t number) const {
  std::vector<uint64_t> found;
  for (const Incident& one : incidents_) {
    if (one.cause == number && number != 0) found.push_back(one.number);
  }
  return found;
}

std::vector<uint64_t> Incidents::take_changed() {
  std::vector<uint64_t> taken;
  taken.swap(changed_);
  return taken;
}

void Incidents::changed(uint64_t number) {
  if (std::ranges::find(changed_, number) == changed_.end()) changed_.push_back(number);
}

// Those that are over go first; never the newest, whose number the next one follows.
void Incidents::forget_oldest() {
  if (incidents_.size() <= kMost) return;
  auto oldest = std::ranges::find(incidents_, IncidentState::kOver, &Incident::state);
  if (oldest == incidents_.end() || oldest + 1 == incidents_.end()) oldest = incidents_.begin();
  incidents_.erase(oldest);
}

}  // namespace outrigger::agent
