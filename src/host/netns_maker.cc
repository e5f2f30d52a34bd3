#include "host/netns_maker.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/descriptor.h"
#include "host/command.h"

namespace outrigger::host {
namespace {

constexpr size_t kMaxMessage = 4096;
constexpr int kPatienceMs = 10'000;
constexpr char kDone[] = "done";

std::mutex lock;
Descriptor maker;  // our end of it; under `lock`

absl::Status ip_netns(const std::string& verb, const std::string& name) {
  return run("", {"ip", "netns", verb, name}).status();
}

bool may_make(const std::string& name, const std::string& prefix) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '-' || letter == '.' || letter == '_';
  });
  return plain && name.size() > prefix.size() && name.starts_with(prefix);
}

// "add NAME" or "del NAME"; "done", or why not.
std::string serve(const std::string& asked, const std::string& prefix) {
  const std::vector<std::string> words = absl::StrSplit(asked, ' ');
  if (words.size() != 2 || (words[0] != "add" && words[0] != "del") || !may_make(words[1], prefix))
    return absl::StrCat("no namespace of ours: ", asked);
  const absl::Status status = ip_netns(words[0], words[1]);
  return status.ok() ? kDone : std::string(status.message());
}

std::string to_text(const SandboxReport& report) {
  return absl::StrCat(absl::StrJoin(report.enforced, "\n"), "\t", absl::StrJoin(report.not_enforced, "\n"));
}

void from_text(const std::string& text, SandboxReport& report) {
  const std::vector<std::string> halves = absl::StrSplit(text, '\t');
  for (size_t half = 0; half < std::min<size_t>(halves.size(), 2); ++half) {
    auto& list = half == 0 ? report.enforced : report.not_enforced;
    for (const auto line : absl::StrSplit(halves[half], '\n', absl::SkipEmpty()))
      list.push_back(absl::StrCat("namespaces: ", line));
  }
}

[[noreturn]] void be_the_maker(int socket, const std::string& prefix) {
  (void)prctl(PR_SET_NAME, "outrigger-netns");
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, SIG_IGN);  // its parent may need it to the end
  signal(SIGINT, SIG_IGN);
  const SandboxReport report = enter_sandbox(
      {.capabilities = {CAP_SYS_ADMIN}, .network_sockets = true, .run_programs = true, .mount = true});
  std::string reply = to_text(report);
  std::array<char, kMaxMessage> message{};
  for (;;) {
    reply.resize(std::min(reply.size(), kMaxMessage));
    if (send(socket, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
    const ssize_t size = recv(socket, message.data(), message.size(), 0);
    if (size <= 0) break;
    reply = serve(std::string(message.data(), static_cast<size_t>(size)), prefix);
  }
  _exit(0);
}

absl::StatusOr<std::string> receive(int socket) {
  pollfd ready{socket, POLLIN, 0};
  std::array<char, kMaxMessage> message{};
  const ssize_t size =
      poll(&ready, 1, kPatienceMs) == 1 ? recv(socket, message.data(), message.size(), 0) : 0;
  if (size <= 0) return absl::UnavailableError("the process that makes namespaces is gone");
  return std::string(message.data(), static_cast<size_t>(size));
}

absl::Status ask(const std::string& verb, const std::string& name) {
  const std::lock_guard guard(lock);
  if (!maker) return ip_netns(verb, name);
  const std::string question = absl::StrCat(verb, " ", name);
  if (send(maker.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0)
    return absl::UnavailableError("the process that makes namespaces is gone");
  const absl::StatusOr<std::string> reply = receive(maker.get());
  if (!reply.ok()) return reply.status();
  return *reply == kDone ? absl::OkStatus() : absl::InternalError(*reply);
}

}  // namespace

absl::Status start_netns_maker(const std::string& prefix, SandboxReport& report) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return absl::ErrnoToStatus(errno, "socketpair");
  Descriptor ours(ends[0]), its(ends[1]);
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "fork");
  if (child == 0) {
    ours.reset();
    be_the_maker(its.get(), prefix);
  }
  its.reset();
  const absl::StatusOr<std::string> said = receive(ours.get());
  if (!said.ok()) return said.status();
  from_text(*said, report);
  const std::lock_guard guard(lock);
  maker = std::move(ours);
  return absl::OkStatus();
}

absl::Status add_netns(const std::string& name) { return ask("add", name); }
absl::Status remove_netns(const std::string& name) { return ask("del", name); }

}  // namespace outrigger::host
