#include "dpu/sidecar_versions.h"

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

constexpr double kSettleSeconds = 30;
constexpr const char* kActor = "contract";

}  // namespace

SidecarVersions::SidecarVersions(Sidecars& sidecars, Board& board, Rollouts& rollouts, Events& events)
    : sidecars_(sidecars),
      board_(board),
      rollouts_(rollouts),
      fallback_(
          sidecars,
          {[&board](const std::string& service) { return board.of(service); },
           [this](const std::string& service) { return changes(service) || rollouts_.under_way(service); },
           [this](const std::string& service, const std::string& version) { ordered(service, version); }},
          events) {}

void SidecarVersions::follow(const std::vector<const manifest::Object*>& objects) {
  std::map<std::string, manifest::Service> now;
  for (const manifest::Object* object : objects) {
    const auto* service = std::get_if<manifest::Service>(object);
    if (service != nullptr && service->agent) now.emplace(service->meta.name, *service);
  }
  for (const auto& [name, service] : now) {
    const auto before = contracts_.find(name);
    if (before != contracts_.end() && before->second == service) continue;
    asked_.erase(name);
    if (before != contracts_.end()) continue;
    rollouts_.offer(name, changer_of(sidecars_, name, [this](const auto& which, const auto& version) {
                      ordered(which, version);
                    }));
  }
  contracts_ = std::move(now);
}

void SidecarVersions::look() {
  for (const SidecarView& view : sidecars_.all()) {
    note_running(view.name);
    if (!view.version.empty()) board_.name_version(view.name, view.version);
    if (!view.waiting.empty() && asked_[view.name] != view.waiting) begin_rollout(view);
  }
  for (const auto& [name, service] : contracts_) fallback_.look(service);
}

void SidecarVersions::ordered(const std::string& service, const std::string& version) {
  {
    const std::lock_guard lock(mutex_);
    changing_.insert(service);
  }
  board_.begin_anew(service, version);
}

bool SidecarVersions::changes(const std::string& service) {
  const std::lock_guard lock(mutex_);
  return changing_.contains(service);
}

// Its probes failed while the old version ended: that tells nothing about the new one.
void SidecarVersions::note_running(const std::string& service) {
  if (!changes(service)) return;
  const auto now = sidecars_.view(service);  // as it is after the order
  if (!now.ok() || now->state != "running" || now->runs != now->version) return;
  {
    const std::lock_guard lock(mutex_);
    changing_.erase(service);
  }
  board_.begin_anew(service, now->version);
}

// When another rollout is in the way it is tried again.
void SidecarVersions::begin_rollout(const SidecarView& view) {
  v1::StartRolloutRequest request;
  request.set_service(view.name);
  request.set_to(view.waiting);
  request.set_settle_seconds(kSettleSeconds);
  request.set_reason(absl::StrCat("its contract names version ", view.waiting));
  if (const auto begun = rollouts_.start(request, kActor); begun.ok()) asked_[view.name] = view.waiting;
}

}  // namespace outrigger::agent
