#include "lab/huge_pages.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::lab {
namespace {

constexpr char kPool[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
constexpr uint64_t kPage = 2u << 20;
constexpr uint64_t kBufferBytes = 2560;  // headroom, 2 KiB of data, mbuf and its place in the pool
constexpr uint64_t kSessionBytes = 192;  // entry, its place in the index, and the timer's
constexpr uint64_t kRuleBytes = 8;       // a counter
constexpr uint64_t kDefaultRules = 1u << 20;
constexpr uint64_t kRest = 136u << 20;  // DPDK's own, samples, port counters, rounding

uint64_t value_of(const std::vector<std::string>& arguments, const std::string& name, uint64_t otherwise) {
  uint64_t value = otherwise;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == name && i + 1 < arguments.size()) (void)absl::SimpleAtoi(arguments[i + 1], &value);
    if (absl::StartsWith(arguments[i], name + "="))
      (void)absl::SimpleAtoi(arguments[i].substr(name.size() + 1), &value);
  }
  return value;
}

// The pool's size, read and written by one lab at a time.
class Pool {
 public:
  Pool() : fd_(open(kPool, O_RDWR | O_CLOEXEC)) {
    if (fd_ >= 0) flock(fd_, LOCK_EX);
  }
  ~Pool() {
    if (fd_ >= 0) close(fd_);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  [[nodiscard]] uint64_t size() const {
    char text[32] = {};
    uint64_t value = 0;
    if (pread(fd_, text, sizeof text - 1, 0) > 0) (void)absl::SimpleAtoi(text, &value);
    return value;
  }
  void resize(uint64_t pages) const {
    const std::string text = absl::StrCat(pages);
    (void)!pwrite(fd_, text.data(), text.size(), 0);
  }

 private:
  int fd_;
};

}  // namespace

unsigned huge_pages_for(const std::vector<std::string>& daemon_arguments) {
  const uint64_t workers = value_of(daemon_arguments, "--workers", 1);
  const uint64_t sessions = value_of(daemon_arguments, "--sessions", kLabSessions);
  const uint64_t buffers = value_of(daemon_arguments, "--buffers", kLabBuffers);
  const uint64_t rules = value_of(daemon_arguments, "--rules", kDefaultRules);
  const uint64_t bytes =
      buffers * kBufferBytes + workers * (sessions * kSessionBytes + rules * kRuleBytes) + kRest;
  return static_cast<unsigned>((bytes + kPage - 1) / kPage);
}

absl::Status add_huge_pages(unsigned pages) {
  const Pool pool;
  const uint64_t before = pool.size(), wanted = before + pages;
  pool.resize(wanted);
  const uint64_t after = pool.size();
  if (after >= wanted) return absl::OkStatus();
  pool.resize(before);
  return absl::ResourceExhaustedError(absl::StrCat("the kernel found ", after - std::min(after, before),
                                                   " of ", pages, " huge pages of 2 MiB"));
}

void remove_huge_pages(unsigned pages) {
  if (pages == 0) return;
  const Pool pool;
  pool.resize(pool.size() - std::min<uint64_t>(pool.size(), pages));
}

void unmount_below(const std::string& folder) {
  std::ifstream mounts("/proc/self/mounts");
  std::vector<std::string> found;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, place;
    words >> device >> place;
    if (absl::StartsWith(place, folder + "/")) found.push_back(place);
  }
  std::reverse(found.begin(), found.end());  // the innermost first
  for (const std::string& place : found) umount2(place.c_str(), MNT_DETACH);
}

}  // namespace outrigger::lab
