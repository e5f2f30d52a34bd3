// An agent that watches for noise must not be noise.  This is a cgroup of its own, v1 or v2, whatever the
// machine has, with a share of one CPU and a size in memory that the kernel holds it to.  Where that may not
// be made it is said, never passed over.
//
// The CPU quota is of a whole second, the longest that the kernel knows: a shorter one would stop a thread in
// the middle of looking for gaps, and be the largest gap of all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outrigger::host {

struct Limits {
  double cpus = 0.01;
  uint64_t memory = uint64_t{64} << 20;
};

// Where the kernel shows what it has: for tests.
struct CgroupFiles {
  std::string own = "/proc/self/cgroup", mounts = "/proc/self/mounts";
};

class Bounds {
 public:
  // Makes the cgroups; `name` is the folder's.  When it ends in "-PID", those of the same name whose process
  // is gone are removed: a killed one could not do that itself.
  Bounds(const std::string& name, const Limits& limits, const CgroupFiles& files = {});
  Bounds(const Bounds&) = delete;
  Bounds& operator=(const Bounds&) = delete;

  bool enter();   // the calling process
  void lift();    // of the CPU: who has used up its share could end only in a later second
  void remove();  // empty ones
  // How often it was stopped for having used its share; none: nobody counts.
  [[nodiscard]] std::optional<uint64_t> throttled() const;

  [[nodiscard]] const std::vector<std::string>& enforced() const { return enforced_; }
  [[nodiscard]] const std::vector<std::string>& not_enforced() const { return not_enforced_; }
  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }

 private:
  void limit(const std::string& controller, const CgroupFiles& files, const std::string& name,
             const Limits& limits);
  bool set(const std::string& folder, const std::string& file, const std::string& value);

  std::vector<std::string> enforced_, not_enforced_, folders_;
  std::string cpu_folder_, why_;
};

}  // namespace outrigger::host
