// One agent beside the engine: its sandbox made, its process watched, started again when it ends, with more
// and more time in between, changed to another version and back, and gone without a trace when it is wanted
// no more.
//
// Theory of operation.  One thread does all of it.  The process is no child of ours: crun lets go of it, and
// it is known by a pidfd, so it lives on when this program ends, and a new one takes up what it finds running
// as long as that is what is wanted.  Thread-safety: any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "dpu/journal/events.h"
#include "dpu/sidecar/cgroup.h"
#include "dpu/sidecar/crun.h"
#include "dpu/sidecar/log_tail.h"
#include "dpu/sidecar/version_slots.h"

namespace outrigger::agent {

struct SidecarView {
  std::string name, version, previous;
  std::string waiting;  // a version its contract names that is not in use yet
  std::string runs;     // the version of the process; "": there is none
  std::string state;    // starting, running, waiting (to be started again), stopped
  int pid = 0;
  uint32_t restarts = 0;
  std::string why;  // it is not running
  std::vector<std::string> enforced, not_enforced;
};

struct SidecarSettings {
  std::string folder;  // of all sidecars: bundles, logs, crun's state.  On a file system that runs programs
  std::string crun = "/usr/bin/crun";
  std::string cgroups = "/sys/fs/cgroup";
  std::string prefix = "outrigger";  // of containers and cgroups: one word a node, two may share a machine
  absl::Duration first_pause = absl::Milliseconds(500);
  absl::Duration longest_pause = absl::Seconds(30);
  absl::Duration grace = absl::Seconds(5);  // from SIGTERM to SIGKILL
  bool leave_running = false;               // when this program ends in order: they are taken up again
  NewVersion new_version = NewVersion::kUsed;
};

class Sidecar {
 public:
  Sidecar(const SidecarSettings& settings, std::string name, Events& events);
  ~Sidecar();  // as leave_running says
  Sidecar(const Sidecar&) = delete;
  Sidecar& operator=(const Sidecar&) = delete;

  void use(const manifest::Service& service);
  absl::Status use_version(const std::string& version);
  absl::Status use_previous();
  [[nodiscard]] absl::StatusOr<BundleInfo> find(const std::string& version) const;
  void dismiss();  // stopped and everything of it removed; returns when done
  [[nodiscard]] SidecarView view() const;
  absl::StatusOr<int> exec(const std::vector<std::string>& command, absl::Duration timeout) const;

 private:
  absl::Status change(const std::function<absl::Status()>& slots, const std::string& words);
  void run();
  void live_once(std::unique_lock<std::mutex>& lock);
  absl::Status start(const std::string& bundle);
  bool take_up();
  void watch(std::unique_lock<std::mutex>& lock);
  void end_it(std::unique_lock<std::mutex>& lock);
  void pause(std::unique_lock<std::mutex>& lock);
  void read_log();
  void tell(Kind kind, Phase phase, Severity severity, std::string message);
  [[nodiscard]] bool interrupted() const { return stop_ || change_; }

  const SidecarSettings settings_;
  const std::string name_, folder_, container_;
  Events& events_;
  const Crun crun_;
  LogTail log_;
  Cgroup cgroup_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  VersionSlots slots_;  // under mutex_, as all below
  BundleInfo info_;
  SidecarView view_;
  bool wanted_ = false, stop_ = false, change_ = false, leave_ = false, incident_ = false;
  absl::Duration pause_;
  absl::Time started_;
  Descriptor process_;  // pidfd
  std::thread thread_;
};

}  // namespace outrigger::agent
