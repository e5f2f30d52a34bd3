#include "dpu/sidecar/sidecars.h"

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace fs = std::filesystem;

Sidecars::Sidecars(SidecarSettings settings, Events& events)
    : settings_(std::move(settings)), events_(events) {
  std::error_code ignored;
  fs::create_directories(settings_.folder, ignored);
  fs::permissions(settings_.folder, fs::perms(0700), ignored);
}

Sidecars::~Sidecars() = default;

void Sidecars::reload(const std::vector<const manifest::Object*>& objects) {
  const std::lock_guard reloading(reloading_);
  std::map<std::string, const manifest::Service*> wanted;
  for (const manifest::Object* object : objects) {
    const auto* service = std::get_if<manifest::Service>(object);
    if (service != nullptr && service->agent) wanted.emplace(service->meta.name, service);
  }
  std::set<std::string> there;  // in memory, or left on disk by an earlier agent
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(settings_.folder, ignored)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() && !name.starts_with('.')) there.insert(name);
  }
  std::vector<std::shared_ptr<Sidecar>> leaving;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, sidecar] : all_) there.insert(name);
    for (const auto& [name, service] : wanted) there.insert(name);
    for (const std::string& name : there) {
      std::shared_ptr<Sidecar>& one = all_[name];
      if (one == nullptr) one = std::make_shared<Sidecar>(settings_, name, events_);
      if (const auto found = wanted.find(name); found != wanted.end()) {
        one->use(*found->second);
      } else {
        leaving.push_back(one);
        all_.erase(name);
      }
    }
  }
  for (const auto& one : leaving) one->dismiss();
  if (wanted.empty()) fs::remove_all(absl::StrCat(settings_.folder, "/.crun"), ignored);
}

std::vector<SidecarView> Sidecars::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<SidecarView> out;
  for (const auto& [name, one] : all_) out.push_back(one->view());
  return out;
}

absl::StatusOr<std::shared_ptr<Sidecar>> Sidecars::find(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(service);
  if (found == all_.end()) return absl::NotFoundError(absl::StrCat("no sidecar \"", service, "\""));
  return found->second;
}

absl::Status Sidecars::use_version(const std::string& service, const std::string& version) {
  const auto one = find(service);
  return one.ok() ? (*one)->use_version(version) : one.status();
}

absl::Status Sidecars::use_previous(const std::string& service) {
  const auto one = find(service);
  return one.ok() ? (*one)->use_previous() : one.status();
}

absl::StatusOr<BundleInfo> Sidecars::find(const std::string& service, const std::string& version) const {
  const auto one = find(service);
  if (!one.ok()) return one.status();
  return (*one)->find(version);
}

absl::StatusOr<SidecarView> Sidecars::view(const std::string& service) const {
  const auto one = find(service);
  if (!one.ok()) return one.status();
  return (*one)->view();
}

absl::StatusOr<int> Sidecars::exec(const std::string& service, const std::vector<std::string>& command,
                                   absl::Duration timeout) const {
  const auto one = find(service);
  if (!one.ok()) return one.status();
  return (*one)->exec(command, timeout);
}

}  // namespace outrigger::agent
