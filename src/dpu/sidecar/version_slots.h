// The bundles of one service on disk: the version that runs, the one before it, and which of them was asked
// for. After `previous` was chosen the same contract read again does not undo the choice; another version
// does. Thread-safety: none.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "dpu/sidecar/bundle.h"

namespace outrigger::agent {

class VersionSlots {
 public:
  explicit VersionSlots(std::string folder);  // of the service

  // True when what should run is another than before.
  absl::StatusOr<bool> use(const manifest::Service& service);
  absl::Status use_previous();  // FailedPrecondition when there is none
  [[nodiscard]] std::string bundle() const { return at(current_); }
  [[nodiscard]] const std::string& current() const { return current_; }
  [[nodiscard]] const std::string& previous() const { return previous_; }

 private:
  [[nodiscard]] std::string at(const std::string& version) const { return folder_ + "/v-" + version; }
  absl::Status keep() const;

  std::string folder_;
  std::string current_, previous_;
  std::string instead_of_;  // the version that was asked for while the one before it runs
};

}  // namespace outrigger::agent
