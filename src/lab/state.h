// What a lab leaves in /run for the next command: its options, its topology, and of every DPU the daemon's
// process, socket, store and log.  All of it is a convenience: `down` manages without.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/lab.h"
#include "lab/process.h"

namespace outrigger::lab {

class State {
 public:
  explicit State(std::string lab);

  [[nodiscard]] const std::string& lab() const { return lab_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] bool exists() const;  // options have been saved
  [[nodiscard]] std::string node_folder(const std::string& node) const;
  [[nodiscard]] std::string socket(const std::string& node) const;
  [[nodiscard]] std::string log(const std::string& node) const;

  absl::Status save(const LabOptions& options, const std::string& topology) const;
  [[nodiscard]] absl::StatusOr<LabOptions> options() const;
  [[nodiscard]] absl::StatusOr<std::string> topology() const;  // YAML
  absl::Status save_desired(const std::string& yaml) const;
  [[nodiscard]] std::string desired() const;  // as last followed; empty before the first time

  absl::Status save_daemon(const std::string& node, const ProcessId& id) const;
  [[nodiscard]] std::optional<ProcessId> daemon(const std::string& node) const;  // only while it lives
  [[nodiscard]] std::vector<ProcessId> daemons() const;                          // all that live

  // Huge pages this lab has added to the kernel's pool.
  absl::Status save_huge_pages(unsigned pages) const;
  [[nodiscard]] unsigned huge_pages() const;

  absl::Status mark_frozen(const std::string& node, bool frozen) const;
  [[nodiscard]] bool frozen(const std::string& node) const;

  // What eth0 of an endpoint was set up as; empty when it was not.
  absl::Status save_setup(const std::string& endpoint, const std::string& setup) const;
  [[nodiscard]] std::string setup(const std::string& endpoint) const;

  void remove() const;  // and the folders above that are empty then

 private:
  [[nodiscard]] std::string setup_file(const std::string& endpoint) const;

  std::string lab_, folder_;
};

// Held while a lab is changed, by one process at a time.  Freed by the kernel when its process dies.
class Lock {
 public:
  static absl::StatusOr<Lock> take(const State& state);  // waits; Cancelled after Ctrl-C
  ~Lock();
  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Lock& operator=(Lock&&) = delete;

 private:
  explicit Lock(int fd) : fd_(fd) {}
  int fd_;
};

std::vector<std::string> folders_of_labs();

}  // namespace outrigger::lab
