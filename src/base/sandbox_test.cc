#include "base/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>

namespace outrigger {
namespace {

// In a process of its own: a sandbox is not left again.  0 when `what` held.
int inside(const SandboxSpec& spec, const std::function<bool(const SandboxReport&)>& what) {
  const pid_t child = fork();
  if (child == 0) _exit(what(enter_sandbox(spec)) ? 0 : 1);
  int status = -1;
  (void)waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has(const std::vector<std::string>& list, const std::string& what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

TEST(Sandbox, RefusesInternetSocketsAndPrograms) {
  EXPECT_EQ(inside({.readable = {"/"}},
                   [](const SandboxReport& report) {
                     if (!has(report.enforced, "seccomp")) return false;
                     const bool refused = ::socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM;
                     const bool local = ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
                     const char* const none[] = {nullptr};
                     (void)execve("/bin/true", const_cast<char**>(none), const_cast<char**>(none));
                     return refused && local && errno == EPERM;
                   }),
            0);
}

TEST(Sandbox, AllowsWhatIsAskedFor) {
  EXPECT_EQ(inside({.readable = {"/"}, .network_sockets = true},
                   [](const SandboxReport&) { return ::socket(AF_INET, SOCK_DGRAM, 0) >= 0; }),
            0);
}

TEST(Sandbox, GivesUpRootForGood) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(inside({.uid = 61201, .gid = 61201, .readable = {"/"}},
                   [](const SandboxReport& report) {
                     return has(report.enforced, "uid 61201") && getuid() == 61201 && getgid() == 61201 &&
                            setuid(0) != 0 && open("/etc/shadow", O_RDONLY) < 0;
                   }),
            0);
}

TEST(Sandbox, NamespacesAreEnteredOnlyByWhomItIsAllowed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto enters = [](const SandboxReport&) {
    const int own = open("/proc/self/ns/net", O_RDONLY);
    return own >= 0 && setns(own, 0) == 0;
  };
  const auto makes = [](const SandboxReport&) { return unshare(CLONE_NEWNET) == 0; };
  const std::vector<int> right = {CAP_SYS_ADMIN};
  EXPECT_EQ(inside({.capabilities = right, .readable = {"/"}}, enters), 1);
  EXPECT_EQ(inside({.capabilities = right, .readable = {"/"}, .enter_namespaces = true}, enters), 0);
  EXPECT_EQ(inside({.capabilities = right, .readable = {"/"}, .enter_namespaces = true}, makes), 1);
  EXPECT_EQ(inside({.capabilities = right, .mount = true}, makes), 0);
}

TEST(Sandbox, KeepsOnlyTheNamedCapabilities) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(inside({.capabilities = {CAP_KILL}, .readable = {"/"}},
                   [](const SandboxReport&) {
                     std::ifstream status("/proc/self/status");
                     std::string line;
                     int found = 0;
                     while (std::getline(status, line)) {
                       if (line.starts_with("CapEff:") || line.starts_with("CapBnd:"))
                         found += line.substr(8) == "0000000000000020";
                     }
                     return found == 2;
                   }),
            0);
}

TEST(Sandbox, SaysWhetherFilesAreOutOfReach) {
  EXPECT_EQ(inside({.readable = {"/usr"}},
                   [](const SandboxReport& report) {
                     const bool reached = open("/etc/passwd", O_RDONLY) >= 0;
                     return reached != has(report.enforced, "landlock");
                   }),
            0);
}

}  // namespace
}  // namespace outrigger
