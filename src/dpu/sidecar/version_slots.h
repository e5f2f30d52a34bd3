// The bundles of one service on disk: the version in use, the one before it, the one that its contract names,
// and some that were good before.  They need not be the same: after another version was put in use the same
// contract read again does not undo that; a changed contract does. Thread-safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpu/sidecar/bundle.h"

namespace outrigger::agent {

// What becomes of a version that a contract names newly.
enum class NewVersion : uint8_t {
  kUsed,       // at once
  kInstalled,  // beside the one in use, until somebody puts it in use
};

class VersionSlots {
 public:
  explicit VersionSlots(std::string folder);  // of the service

  // True when what should run is another than before.
  absl::StatusOr<bool> use(const manifest::Service& service, NewVersion how = NewVersion::kUsed);
  absl::Status use_version(const std::string& version);  // NotFound: with what is installed
  // The version before, as this one is no good; FailedPrecondition when there is none that is not known to be
  // as bad.
  absl::Status use_previous();
  [[nodiscard]] absl::StatusOr<BundleInfo> find(const std::string& version) const;

  [[nodiscard]] std::string bundle() const { return at(current_); }
  [[nodiscard]] const std::string& current() const { return current_; }
  [[nodiscard]] const std::string& previous() const { return previous_; }
  // The contract's, when it is installed and nobody has put another in its place; else "".
  [[nodiscard]] std::string waiting() const;
  [[nodiscard]] std::vector<std::string> installed() const;  // the latest first

 private:
  [[nodiscard]] std::string at(const std::string& version) const { return folder_ + "/v-" + version; }
  absl::Status keep() const;
  void put(const std::string& version);
  void prune() const;

  std::string folder_;
  std::string current_, previous_;
  std::string instead_of_;  // the version that was asked for while another is in use
  std::string wanted_;      // by the contract
  std::string given_up_;    // left by use_previous()
};

}  // namespace outrigger::agent
