// The engines as they are shown.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/supervise/split_engine.h"

namespace outrigger::agent {

namespace {

EngineView seen(const Member& member, bool active) {
  EngineView view;
  view.version = member.version;
  view.pid = member.process.pid();
  view.slot = member.hello.slot;
  view.generation = member.hello.generation;
  if (member.hello.generation.value() > 0)
    view.applied_at = steady_time() - absl::Seconds(member.hello.applied_for);
  view.started_at = member.started_at;
  view.session_layout = member.hello.session_layout;
  view.enforced = member.hello.enforced;
  view.not_enforced = member.hello.not_enforced;
  view.why = member.error;
  if (member.state == Member::State::kStarting) {
    view.state = "starting";
  } else if (member.state == Member::State::kLeaving) {
    view.state = "leaving";
  } else {
    view.state = active ? "active" : member.shadow ? "shadow" : "standby";
  }
  return view;
}

}  // namespace

std::vector<EngineView> SplitEngine::views() const {
  std::vector<EngineView> all;
  std::set<std::string> running;
  for (const auto& member : members_) {
    EngineView view = seen(*member, is_active(*member));
    view.path = engine_path(options_.programs, view.version);
    view.log = log_of(options_.programs, member->instance);
    view.failures = versions_.failures(view.version, steady_time());
    all.push_back(std::move(view));
    running.insert(member->version);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return (a.state == "active") > (b.state == "active");
  });
  for (const std::string& version : installed_versions(options_.programs)) {
    const bool usable = versions_.usable(version);
    if (running.contains(version) && usable) continue;
    EngineView view;
    view.version = version;
    view.path = engine_path(options_.programs, version);
    view.state = usable ? "installed" : versions_.barred(version) ? "barred" : "unusable";
    view.failures = versions_.failures(version, steady_time());
    view.why = versions_.why(version);
    all.push_back(std::move(view));
  }
  return all;
}

EngineView SplitEngine::ports_view() const {
  EngineView view;
  view.version = status_.version();
  view.path = options_.programs.ports;
  view.log = ports_log(options_.programs);
  view.state = ports_.connected() ? "active" : "gone";
  view.pid = status_.pid() != 0 ? status_.pid() : ports_.pid();
  view.started_at = steady_time() - absl::Seconds(status_.up_for());
  view.enforced = {status_.enforced().begin(), status_.enforced().end()};
  view.not_enforced = {status_.not_enforced().begin(), status_.not_enforced().end()};
  return view;
}

std::vector<BeatView> SplitEngine::beats() const {
  std::vector<BeatView> all;
  for (const auto& beat : status_.workers()) {
    all.push_back({beat.worker(), beat.beat(), beat.silent_ms(), beat.doing(), beat.owner() != 0xffffffff});
  }
  return all;
}

std::vector<SplitEngine::Consumer> SplitEngine::consumers() const {
  std::vector<Consumer> all;
  for (const auto& member : members_) {
    if (member->state != Member::State::kUp || member->orphan) continue;
    Consumer consumer;
    consumer.name = absl::StrCat("engine/", member->version, " (slot ", member->hello.slot, ")");
    consumer.generation = member->hello.generation;
    if (member->hello.generation.value() > 0)
      consumer.applied_at = steady_time() - absl::Seconds(member->hello.applied_for);
    consumer.current = current(*member);
    consumer.error = member->error;
    all.push_back(std::move(consumer));
  }
  return all;
}

}  // namespace outrigger::agent
