// The agents that Services ask for. Thread-safety: any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dpu/sidecar/sidecar.h"

namespace outrigger::agent {

class Sidecars {
 public:
  // Settings::folder is made when it is missing; what it holds of services that are wanted no more is removed
  // at the first reload.
  Sidecars(SidecarSettings settings, Events& events);
  ~Sidecars();

  // Those that are new start, those that changed change, those that are gone end; returns when the last kind
  // has.
  void reload(const std::vector<const manifest::Object*>& objects);
  [[nodiscard]] std::vector<SidecarView> all() const;
  // Of those installed: NotFound names them.
  absl::Status use_version(const std::string& service, const std::string& version);
  absl::StatusOr<BundleInfo> find(const std::string& service, const std::string& version) const;
  absl::StatusOr<SidecarView> view(const std::string& service) const;
  // The version before the present one, for the fallback of that name.
  absl::Status use_previous(const std::string& service);
  absl::StatusOr<int> exec(const std::string& service, const std::vector<std::string>& command,
                           absl::Duration timeout) const;

 private:
  absl::StatusOr<std::shared_ptr<Sidecar>> find(const std::string& service) const;
  const SidecarSettings settings_;
  Events& events_;
  std::mutex reloading_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Sidecar>> all_;  // under mutex_
};

}  // namespace outrigger::agent
