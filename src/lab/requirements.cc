#include "lab/requirements.h"

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lab/process.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

constexpr char kExample[] = "examples/two-hosts";
constexpr char kInstalledExample[] = "/usr/share/outrigger/examples/two-hosts";

bool runnable(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  const char* path = getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path != nullptr ? path : "", ':')) {
    if (access(absl::StrCat(folder, "/", program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Asks the kernel itself: a capability can be missing in a container even to root.
bool may_make_namespaces() { return run({"unshare", "--net", "--mount", "true"}).ok(); }

std::optional<std::string> example_above(fs::path folder) {
  for (;; folder = folder.parent_path()) {
    std::error_code error;
    if (fs::is_directory(folder / kExample, error)) return folder / kExample;
    if (folder == folder.parent_path()) return std::nullopt;
  }
}

}  // namespace

absl::Status check_requirements(const std::string& daemon) {
  std::vector<std::string> missing;
  if (geteuid() != 0) {
    missing.emplace_back("root: network namespaces need it; run this with sudo");
  } else if (!may_make_namespaces()) {
    missing.emplace_back(
        "leave to make network namespaces (CAP_SYS_ADMIN): run on the machine or in a privileged container");
  }
  if (access("/dev/net/tun", F_OK) != 0) missing.emplace_back("/dev/net/tun: modprobe tun");
  for (const char* tool : {"ip", "bridge"}) {
    if (!runnable(tool)) missing.push_back(absl::StrCat(tool, ": apt-get install iproute2"));
  }
  if (!runnable(daemon))
    missing.push_back(absl::StrCat(daemon, ": build it with `make`, or name it with --daemon"));
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a lab cannot run here; missing:\n  ", absl::StrJoin(missing, "\n  ")));
}

absl::StatusOr<std::string> find_manifests(const std::string& given) {
  std::error_code error;
  if (!given.empty()) {
    if (!fs::exists(given, error))
      return absl::NotFoundError(absl::StrCat(given, ": no such file or folder"));
    return fs::weakly_canonical(given, error).string();
  }
  if (const auto found = example_above(fs::current_path(error))) return *found;
  if (const auto found = example_above(fs::read_symlink("/proc/self/exe", error))) return *found;
  if (fs::is_directory(kInstalledExample, error)) return std::string(kInstalledExample);
  return absl::NotFoundError(absl::StrCat(kExample, " is not here: name manifests with -f"));
}

}  // namespace outrigger::lab
