#include "dpu/sidecar/fallback_previous.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

bool may_use_previous(const manifest::Service& service) {
  const auto& ways = service.fallback;
  return service.agent &&
         std::find(ways.begin(), ways.end(), manifest::Service::Fallback::kPrevious) != ways.end();
}

}  // namespace

FallbackPrevious::FallbackPrevious(Sidecars& sidecars, Hooks hooks, Events& events)
    : sidecars_(sidecars), hooks_(std::move(hooks)), events_(events) {}

void FallbackPrevious::look(const manifest::Service& service) {
  if (!may_use_previous(service)) return;
  const ServiceState state = hooks_.health(service.meta.name);
  if (state.health == Health::kReady) {
    no_way_.erase(state.service);
    if (fallen_.erase(state.service) > 0)
      tell(Phase::kEnd, state, absl::StrCat(state.service, " is ready with version ", state.version));
  } else if (state.health == Health::kFailed && !hooks_.in_rollout(state.service)) {
    give_up(state);
  }
}

void FallbackPrevious::give_up(const ServiceState& state) {
  const auto view = sidecars_.view(state.service);
  if (!view.ok()) return;
  const absl::Status status = sidecars_.use_previous(state.service);
  if (status.ok()) {
    fallen_.insert(state.service);
    tell(Phase::kBegin, state,
         absl::StrCat(state.service, ": version ", view->version, " fails its probes (", state.reason,
                      "): its fallback, version ", view->previous, ", takes its place"));
    hooks_.version_runs(state.service, view->previous);
  } else if (no_way_.insert(state.service).second) {
    tell(Phase::kPoint, state,
         absl::StrCat(state.service, " fails its probes (", state.reason,
                      "), and its fallback `previous` cannot be used: ", std::string(status.message())));
  }
}

void FallbackPrevious::tell(Phase phase, const ServiceState& state, const std::string& message) {
  Event event;
  event.kind = Kind::kFallback;
  event.phase = phase;
  event.severity = phase == Phase::kEnd ? Severity::kInfo : Severity::kWarning;
  event.service = state.service;
  event.subject = absl::StrCat("previous of ", state.service);
  event.version = state.version;
  event.message = message;
  event.evidence["probe"] = state.probe;
  event.evidence["failed"] = absl::StrCat(state.failed);
  events_.record(std::move(event));
}

}  // namespace outrigger::agent
