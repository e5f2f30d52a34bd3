#include "ports/huge_pages.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/machine_memory.h"

namespace outrigger::ports {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kPageMib = 2;
constexpr char kReserved[] = "/proc/sys/vm/nr_hugepages";

uint64_t number_in(const std::string& path) {
  uint64_t number = 0;
  std::ifstream(path) >> number;
  return number;
}

bool write_number(const std::string& path, uint64_t number) {
  std::ofstream file(path);
  file << number << std::flush;
  return file.good();
}

absl::Status give_to(gid_t group, const fs::path& path, mode_t mode) {
  if (::chown(path.c_str(), static_cast<uid_t>(-1), group) == 0 && ::chmod(path.c_str(), mode) == 0)
    return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(path.string(), ": cannot be shared with engines: ", strerror(errno)));
}

// What is reserved by us, and to be given back by whoever of us ends last.
std::string note_of(const std::string& folder) { return folder + "/reserved-pages"; }

}  // namespace

HugePages::~HugePages() {
  if (!prepared_) return;
  remove_files();
  const uint64_t ours = number_in(note_of(folder_));
  if (ours == 0) return;
  const uint64_t all = number_in(kReserved);
  if (write_number(kReserved, all - std::min(all, ours))) (void)::unlink(note_of(folder_).c_str());
}

absl::Status HugePages::prepare(uint64_t mib, bool reserve_missing) {
  if (absl::Status status = mount(); !status.ok()) return status;
  prepared_ = true;
  remove_files();
  const uint64_t free = free_huge_mib();
  if (free >= mib) return absl::OkStatus();
  if (reserve_missing) return reserve(mib - free);
  return absl::ResourceExhaustedError(absl::StrCat(
      "huge pages: ", mib, " MiB wanted, ", free, " MiB free; give --reserve-huge-pages, or reserve: echo ",
      number_in(kReserved) + (mib - free + kPageMib - 1) / kPageMib, " > ", kReserved));
}

absl::Status HugePages::mount() const {
  std::error_code error;
  fs::create_directories(mount_point(), error);
  struct statfs about {};
  if (error || ::statfs(mount_point().c_str(), &about) != 0)
    return absl::UnavailableError(absl::StrCat(mount_point(), ": cannot be made: ", strerror(errno)));
  if (about.f_type != HUGETLBFS_MAGIC && ::mount("outrigger", mount_point().c_str(), "hugetlbfs",
                                                 MS_NOSUID | MS_NODEV, "pagesize=2M,mode=0770") != 0) {
    return absl::UnavailableError(absl::StrCat(mount_point(),
                                               ": hugetlbfs cannot be mounted: ", strerror(errno),
                                               "; as root: mount -t hugetlbfs outrigger ", mount_point()));
  }
  return give_to(group_, mount_point(), 0770);
}

absl::Status HugePages::reserve(uint64_t missing_mib) {
  const uint64_t before = number_in(kReserved);
  const uint64_t pages = (missing_mib + kPageMib - 1) / kPageMib;
  (void)write_number(kReserved, before + pages);
  const uint64_t got = number_in(kReserved) - std::min(number_in(kReserved), before);
  if (!write_number(note_of(folder_), number_in(note_of(folder_)) + got))
    return absl::UnavailableError(absl::StrCat(note_of(folder_), ": cannot be written"));
  if (got >= pages) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("huge pages: of ", missing_mib,
                                                   " MiB missing, the kernel gave ", got * kPageMib,
                                                   " MiB: memory is short or fragmented"));
}

// Of this process or of one that died: mapped ones live on without their names.
void HugePages::remove_files() const {
  std::error_code error;
  for (const auto& one : fs::directory_iterator(mount_point(), error)) fs::remove(one.path(), error);
  error.clear();
  for (const auto& one : fs::directory_iterator(folder_ + "/dpdk", error)) fs::remove_all(one.path(), error);
}

absl::Status HugePages::share(const std::string& prefix) const {
  const fs::path runtime = folder_ + "/dpdk";
  absl::Status status = give_to(group_, folder_, 0750);
  for (const fs::path& one : {runtime, runtime / prefix}) {
    if (status.ok()) status = give_to(group_, one, 0770);
  }
  for (const fs::path& folder : {runtime / prefix, fs::path(mount_point())}) {
    std::error_code error;
    for (const auto& one : fs::directory_iterator(folder, error)) {
      if (status.ok()) status = give_to(group_, one.path(), 0660);
    }
  }
  return status;
}

}  // namespace outrigger::ports
