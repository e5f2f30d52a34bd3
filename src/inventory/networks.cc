// Kernel work of other network namespaces than this program's own.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "inventory/kernel_work.h"

namespace outrigger::inventory {

namespace {

void add(const std::string& where, KernelWork work, KernelLook& to) {
  for (std::string& table : work.tables) absl::StrAppend(&table, where);
  const auto same = std::ranges::find(to.work, work.service, &KernelWork::service);
  if (same == to.work.end()) return to.work.push_back(std::move(work));
  same->tables.insert(same->tables.end(), work.tables.begin(), work.tables.end());
  absl::StrAppend(&same->detail, "; ", work.detail);
  same->state += work.state;
}

}  // namespace

absl::StatusOr<uint64_t> network_inode(const std::string& network) {
  struct stat found {};
  const std::string path = netns_path(network);
  if (stat(path.c_str(), &found) == 0) return found.st_ino;
  return absl::ErrnoToStatus(errno, absl::StrCat("no network namespace ", network, " (", path,
                                                 "; `ip netns` lists those there are)"));
}

KernelLook look_at_kernel_in(const std::vector<std::string>& networks) {
  KernelLook all;
  for (const std::string& network : networks) {
    const std::string where = &network == &networks.front() ? "" : absl::StrCat(" in ", network);
    KernelLook one;
    const absl::Status status = inside_netns(netns_path(network), [&one] {
      one = look_at_kernel();
      return absl::OkStatus();
    });
    if (!status.ok()) all.missing.push_back(std::string(status.message()));
    for (KernelWork& work : one.work) add(where, std::move(work), all);
    for (const std::string& missing : one.missing) all.missing.push_back(missing + where);
  }
  return all;
}

}  // namespace outrigger::inventory
