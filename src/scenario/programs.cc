#include "scenario/programs.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::scenario {
namespace {

constexpr size_t kLogShown = 1000;

std::string end_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return text.size() <= kLogShown ? text : text.substr(text.size() - kLogShown);
}

bool installed(const std::string& program) {
  const char* const path = std::getenv("PATH");
  const std::string folders = absl::StrCat(path == nullptr ? "" : path, ":/usr/bin:/usr/sbin:/sbin:/bin");
  for (const auto folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
    if (access(absl::StrCat(folder, "/", program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::string package_of(const std::string& program) {
  static const std::map<std::string, std::string> others = {
      {"nginx", "nginx-light"}, {"setpriv", "util-linux"}, {"nsenter", "util-linux"}, {"nft", "nftables"}};
  const auto found = others.find(program);
  return found == others.end() ? program : found->second;
}

}  // namespace

absl::Status Programs::start(const Program& program) {
  std::vector<std::string> argv = {"nsenter", absl::StrCat("--net=/run/netns/", program.netns), "setpriv",
                                   "--pdeathsig", "KILL"};
  argv.insert(argv.end(), program.argv.begin(), program.argv.end());
  const auto id = lab::start(argv, {}, log_of(program), program.side);
  if (!id.ok()) return id.status();
  running_.push_back({program, *id});
  return absl::OkStatus();
}

void Programs::end() {
  std::vector<lab::ProcessId> all;
  for (const Running& one : running_) {
    all.push_back(one.id);
    // A session of its own, so what a shell has started goes with it.
    if (lab::alive(one.id)) (void)kill(-one.id.pid, SIGTERM);
  }
  lab::terminate(all, absl::Seconds(1));
  running_.clear();
}

absl::Status Programs::check() const {
  for (const Running& one : running_) {
    if (lab::alive(one.id)) continue;
    return absl::AbortedError(
        absl::StrCat(one.program.name, " has ended; its last words:\n", end_of(log_of(one.program))));
  }
  return absl::OkStatus();
}

std::string Programs::log_of(const Program& program) const {
  return absl::StrCat(folder_, "/", program.name, ".log");
}

absl::Status check_installed(const std::vector<std::string>& programs) {
  std::string missing, packages;
  for (const std::string& one : programs) {
    if (installed(one)) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : ", ", one);
    absl::StrAppend(&packages, " ", package_of(one));
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("this scenario needs ", missing, ": apt-get install", packages));
}

}  // namespace outrigger::scenario
