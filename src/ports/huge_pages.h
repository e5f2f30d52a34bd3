// The huge pages that ports and engines share: enough of them, mounted in a folder of ours, readable by
// engines; and nothing left behind, neither files of a process that died nor pages that we reserved.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace outrigger::ports {

class HugePages {
 public:
  // Files go to `folder`/huge; `group` may open them.
  HugePages(std::string folder, gid_t group) : folder_(std::move(folder)), group_(group) {}
  ~HugePages();  // removes the files and gives back what was reserved
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;

  // Mounts, cleans up after a predecessor that died, and sees that `mib` are free.  ResourceExhausted with
  // the way out when they are not and `reserve` is false or fails.
  absl::Status prepare(uint64_t mib, bool reserve);
  // After DPDK made its files: engines may open them.
  absl::Status share(const std::string& prefix) const;
  [[nodiscard]] std::string mount_point() const { return folder_ + "/huge"; }

 private:
  absl::Status mount() const;
  absl::Status reserve(uint64_t missing_mib);
  void remove_files() const;

  std::string folder_;
  gid_t group_;
  bool prepared_ = false;
};

}  // namespace outrigger::ports
