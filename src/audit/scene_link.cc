// The scene's half that is about the host itself: its line to the DPU, and its agent.
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <limits>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "audit/scene.h"
#include "base/steady_time.h"

namespace outrigger::audit {
namespace {

constexpr char kAgent[] = "outrigger-host";
constexpr absl::Duration kComesBack = absl::Seconds(10), kStaysAway = absl::Seconds(1),
                         kTakesCalls = absl::Seconds(3);

// The namespace by its inode: two processes are in the same one when these are equal.
ino_t network_of(const std::string& process) {
  struct stat info {};
  return stat(absl::StrCat("/proc/", process, "/ns/net").c_str(), &info) == 0 ? info.st_ino : 0;
}

std::string name_of(const std::string& process) {
  std::ifstream in(absl::StrCat("/proc/", process, "/comm"));
  std::string name;
  std::getline(in, name);
  return name;
}

// The first: outrigger-host has a helper of the same name, its child.
std::optional<pid_t> find_agent() {
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return std::nullopt;
  const absl::Cleanup close = [folder] { closedir(folder); };
  std::optional<pid_t> found;
  while (const dirent* entry = readdir(folder)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid) || name_of(entry->d_name) != kAgent) continue;
    if (network_of(entry->d_name) == network_of("self") && (!found || pid < *found)) found = pid;
  }
  return found;
}

template <typename Condition>
bool until(absl::Duration patience, Condition holds) {
  const absl::Time end = steady_time() + patience;
  while (!holds()) {
    if (steady_time() > end) return false;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return true;
}

}  // namespace

absl::Status Scene::has_link() const {
  if (!settings_.link.empty() && !settings_.node.empty() && !settings_.files.certificate.empty())
    return absl::OkStatus();
  return absl::FailedPreconditionError("the host link was not named (--link, --node, --cert)");
}

absl::StatusOr<Line> Scene::own_line() const {
  if (absl::Status status = has_link(); !status.ok()) return status;
  return Line::dial(settings_.link, Dress::kCertificate, settings_.files);
}

// No bundle is newer than the last number there is: NotFound is the desk's own answer.
absl::Status Scene::link_answers() const {
  const auto line = own_line();
  if (!line.ok()) return line.status();
  v1::FetchBundleRequest request;
  request.set_node(settings_.node);
  request.set_have_generation(std::numeric_limits<uint64_t>::max());
  const Answer answer = line->call("/outrigger.v1.HostLink/FetchBundle", request.SerializeAsString());
  if (answer.ok() || absl::StatusCode(answer.code) == absl::StatusCode::kNotFound) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the host's own certificate gets no answer on ", settings_.link, ": ", answer.str()));
}

absl::StatusOr<v1::SignedBundle> Scene::bundle() const {
  const auto line = own_line();
  if (!line.ok()) return line.status();
  v1::FetchBundleRequest request;
  request.set_node(settings_.node);
  Answer answer;
  (void)until(kTakesCalls, [&] {  // connections are counted
    answer = line->call("/outrigger.v1.HostLink/FetchBundle", request.SerializeAsString());
    return !unreachable(answer);
  });
  v1::SignedBundle bundle;
  if (answer.ok() && bundle.ParseFromString(answer.reply)) return bundle;
  return absl::FailedPreconditionError(absl::StrCat("the DPU gives no bundle: ", answer.str()));
}

v1::RenewRequest Scene::renewal(const std::string& state) {
  sequence_ = std::max(sequence_ + 1, static_cast<uint64_t>(absl::ToUnixMicros(absl::Now())));
  v1::RenewRequest request;
  request.set_node(settings_.node);
  request.set_sequence(sequence_);
  request.set_fallback_state(state);
  return request;
}

absl::StatusOr<v1::RenewReply> Scene::say(const Line& line, const std::string& state) {
  const Answer answer = line.call("/outrigger.v1.HostLink/Renew", renewal(state).SerializeAsString());
  v1::RenewReply reply;
  if (answer.ok() && reply.ParseFromString(answer.reply)) return reply;
  return absl::Status(static_cast<absl::StatusCode>(answer.code), answer.str());
}

std::optional<pid_t> Scene::agent() const { return find_agent(); }

absl::Status Scene::end_agent() {
  if (agent_ended()) return absl::OkStatus();
  if (settings_.restart_agent.empty())
    return absl::FailedPreconditionError(
        "it needs the host agent out of the way, and nobody said how to bring it back (--restart-agent)");
  const std::optional<pid_t> before = find_agent();
  if (!before) return absl::FailedPreconditionError("no outrigger-host runs here");
  auto restart = Afterwards::prepare(absl::StrCat("( ", settings_.restart_agent, " ) 2>/dev/null"));
  if (!restart.ok()) return restart.status();
  restart_.emplace(*std::move(restart));
  if (kill(*before, SIGKILL) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("kill ", *before));
  // Its helper ends with it; a supervisor may start another.
  absl::SleepFor(kStaysAway);
  const std::optional<pid_t> now = find_agent();
  if (!now) return absl::OkStatus();
  restart_->never();
  restart_.reset();
  return absl::FailedPreconditionError(absl::StrCat(
      "killed as pid ", *before, " it came back as ", *now,
      ": stop whoever restarts it for the time of the audit, and name the start with --restart-agent"));
}

absl::StatusOr<pid_t> Scene::bring_agent_back() {
  const absl::Status done = restart_->now();
  restart_.reset();
  std::optional<pid_t> found;
  if (until(kComesBack, [&] { return (found = find_agent()).has_value(); })) return *found;
  return absl::UnavailableError(absl::StrCat("`", settings_.restart_agent,
                                             "`: ", done.ok() ? "ended well" : std::string(done.message()),
                                             ", but no outrigger-host runs"));
}

// A number just above our last one is taken as long as nobody has said a higher one.
absl::Status Scene::hears_agent(const Line& line, absl::Duration patience) {
  std::string last;
  const bool heard = until(patience, [&] {
    v1::RenewRequest request;
    request.set_node(settings_.node);
    request.set_sequence(++sequence_);
    request.set_fallback_state("dormant");
    const Answer answer = line.call("/outrigger.v1.HostLink/Renew", request.SerializeAsString());
    last = answer.str();
    return absl::StatusCode(answer.code) == absl::StatusCode::kAlreadyExists;
  });
  if (heard) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("outrigger-host runs, but the DPU has not heard it within ",
                                             absl::FormatDuration(patience), ": ", last));
}

}  // namespace outrigger::audit
