// crun, as a program: every call is a child that ends by a deadline.
//
// Theory of operation.  crun sees the node through a mount namespace of its own, made for each call: there
// the bundle's root is the node's root, bound once more, so nothing stays mounted when it ends.  On machines
// with both versions of cgroups crun 1.8 refuses to run when the second has controllers, so that is taken out
// of the same view; limits are not crun's work here (cgroup.h). Thread-safety: any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace outrigger::agent {

class Crun {
 public:
  Crun(std::string program, std::string state) : program_(std::move(program)), state_(std::move(state)) {}

  // Makes the container of a bundle, its process waiting to be let go; its output goes to `log`.  The pid.
  absl::StatusOr<int> create(const std::string& name, const std::string& bundle, int log) const;
  absl::Status start(const std::string& name) const;
  // Of a container that runs, made from this bundle; NotFound when there is none.
  absl::StatusOr<int> pid_of(const std::string& name, const std::string& bundle) const;
  absl::Status remove(const std::string& name) const;  // kills what runs
  absl::StatusOr<int> exec(const std::string& name, const std::vector<std::string>& command,
                           absl::Duration timeout) const;  // its exit code

 private:
  struct Call {
    std::vector<std::string> arguments;
    std::string rootfs;  // bound to /, when set
    int output = -1;     // -1: what it says becomes part of the error
    absl::Duration timeout;
  };
  struct Result {
    int code = 0;
    std::string said;
  };
  absl::StatusOr<Result> call(const Call& call) const;
  std::string program_;
  std::string state_;
};

}  // namespace outrigger::agent
