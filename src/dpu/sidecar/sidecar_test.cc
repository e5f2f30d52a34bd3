// Real processes under a real crun: needs root, crun and FRR's bgpd, and skips without them.
#include "dpu/sidecar/sidecar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/test_folder.h"
#include "dpu/health/reach.h"
#include "dpu/sidecar/fallback_previous.h"
#include "dpu/sidecar/sidecars.h"
#include "manifest/read.h"

namespace outrigger::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
namespace fs = std::filesystem;

struct Heard : Events {
  void record(Event event) override {
    const std::lock_guard lock(mutex);
    all.push_back(std::move(event));
  }
  bool has(const std::string& part, Kind kind, Phase phase = Phase::kPoint) {
    const std::lock_guard lock(mutex);
    for (const Event& event : all) {
      if (event.kind == kind && event.phase == phase && event.message.find(part) != std::string::npos)
        return true;
    }
    return false;
  }
  std::string text() {
    const std::lock_guard lock(mutex);
    std::string out;
    for (const Event& event : all) absl::StrAppend(&out, event.message, "\n");
    return out;
  }
  std::mutex mutex;
  std::vector<Event> all;
};

bool soon(const std::function<bool()>& holds, int seconds = 20) {
  for (int i = 0; i < seconds * 20; ++i) {
    if (holds()) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// No process any more, or one that only waits to be reaped: it is init's child, not ours.
bool gone(int pid) {
  const std::string stat = read_file(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end = stat.rfind(')');
  return end == stat.npos || stat.substr(end + 2, 1) == "Z";
}

// A network of its own for everything the test starts: nobody else's port 179.
bool own_network() {
  if (unshare(CLONE_NEWNET) != 0) return false;
  ifreq lo{};
  std::snprintf(lo.ifr_name, sizeof(lo.ifr_name), "lo");
  lo.ifr_flags = IFF_UP;
  const int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool up = ioctl(socket_, SIOCSIFFLAGS, &lo) == 0;
  close(socket_);
  return up;
}

class SidecarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "not root";
    if (access("/usr/bin/crun", X_OK) != 0) GTEST_SKIP() << "no crun";
    static const bool apart = own_network();
    if (!apart) GTEST_SKIP() << "no network namespace";
    settings_.folder = folder_.file("sidecars");
    settings_.prefix = absl::StrCat("outrigger-test-", getpid());
    settings_.first_pause = absl::Milliseconds(100);
    settings_.grace = absl::Seconds(2);
  }

  static manifest::Service service(const std::string& script, const std::string& version = "1") {
    manifest::Service made;
    made.meta.name = "agent";
    made.version = version;
    made.task = manifest::Service::Task::kAgent;
    made.logs.owner = "routing";
    made.agent =
        manifest::AgentProcess{.command = {"/bin/sh", "-c", script}, .memory = 64 << 20, .cpu_milli = 500};
    return made;
  }

  // What is left of it anywhere.
  std::vector<std::string> remains() const {
    std::vector<std::string> found;
    for (const char* controller : {"memory", "cpu", "pids", "."}) {
      const fs::path at = fs::path("/sys/fs/cgroup") / controller / "outrigger";
      std::error_code ignored;
      for (const auto& entry : fs::directory_iterator(at, ignored)) {
        if (entry.path().filename().string().starts_with(settings_.prefix)) found.push_back(entry.path());
      }
    }
    if (read_file("/proc/self/mountinfo").find(folder_.path()) != std::string::npos)
      found.push_back("a mount");
    return found;
  }

  TestFolder folder_;
  SidecarSettings settings_;
  Heard heard_;
};

TEST_F(SidecarTest, RunsFrrProbedKilledRestartedAndGone) {
  if (access("/usr/lib/frr/bgpd", X_OK) != 0) GTEST_SKIP() << "no bgpd";
  const manifest::Reading reading =
      manifest::read(read_file("examples/services/frr-bgpd.yaml"), "frr-bgpd.yaml");
  ASSERT_TRUE(reading.faults.empty()) << reading.faults[0].str();
  const manifest::Object& object = reading.documents.at(0).object;
  Sidecars sidecars(settings_, heard_);
  sidecars.reload({&object});
  const auto bgp = [] {
    return try_tcp(IpAddress::v4(0x7f000001), 179, absl::Seconds(1)).outcome == ProbeOutcome::kPass;
  };
  ASSERT_TRUE(soon(bgp)) << heard_.text() << read_file(settings_.folder + "/frr-bgpd/log");
  const SidecarView before = sidecars.all().at(0);
  EXPECT_EQ(before.state, "running");
  EXPECT_EQ(before.version, "8.4.4");
  EXPECT_EQ(before.enforced.size() + before.not_enforced.size(), 3u);
  EXPECT_TRUE(soon([&] { return heard_.has("bgpd 8.4", Kind::kNote); })) << heard_.text();  // its log is ours

  const std::string status = read_file(absl::StrCat("/proc/", before.pid, "/status"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t0000000000000400"));  // CAP_NET_BIND_SERVICE
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(read_file(absl::StrCat("/proc/", before.pid, "/cgroup")), HasSubstr(settings_.prefix));

  ASSERT_EQ(kill(before.pid, SIGKILL), 0);
  EXPECT_TRUE(soon([&] { return sidecars.all().at(0).restarts == 1 && bgp(); })) << heard_.text();
  EXPECT_NE(sidecars.all().at(0).pid, before.pid);
  EXPECT_TRUE(heard_.has("it ended after", Kind::kSidecar, Phase::kBegin));
  EXPECT_TRUE(soon([&] { return heard_.has("runs again", Kind::kSidecar, Phase::kEnd); }));

  const int last = sidecars.all().at(0).pid;
  sidecars.reload({});
  EXPECT_THAT(sidecars.all(), SizeIs(0));
  EXPECT_TRUE(gone(last));
  EXPECT_FALSE(bgp());
  EXPECT_THAT(remains(), SizeIs(0));
  EXPECT_TRUE(fs::is_empty(settings_.folder));
}

TEST_F(SidecarTest, SeesTheNodeAndCannotChangeIt) {
  Sidecar sidecar(settings_, "agent", heard_);
  sidecar.use(service("echo up; exec sleep 1000"));
  ASSERT_TRUE(soon([&] { return heard_.has("up", Kind::kNote); })) << heard_.text();
  const auto sh = [&](const std::string& script) {
    const auto code = sidecar.exec({"/bin/sh", "-c", script}, absl::Seconds(5));
    return code.ok() ? *code : -1;
  };
  EXPECT_EQ(sh("test -x /bin/sh"), 0);
  EXPECT_EQ(sh("exit 7"), 7);
  EXPECT_EQ(sh("touch /tmp/mine"), 0);
  EXPECT_NE(sh("touch /etc/mine"), 0);
  EXPECT_NE(sh("touch /var/lib/mine"), 0);
  EXPECT_NE(sh("mount -t tmpfs none /mnt"), 0);
  EXPECT_NE(sh("test -s /etc/shadow"), 0);  // masked
  EXPECT_NE(sh("unshare -U true"), 0);      // no namespaces of its own
  EXPECT_NE(sh("mknod /dev/mem2 c 1 1"), 0);
  EXPECT_NE(sh("echo 1 > /proc/sys/kernel/sysrq"), 0);
  EXPECT_EQ(sh("test $(ls -d /proc/[0-9]* | wc -l) -lt 8"), 0);  // sees its own processes alone
  const absl::Time begun = absl::Now();
  EXPECT_FALSE(sidecar.exec({"/bin/sleep", "30"}, absl::Seconds(1)).ok());
  EXPECT_LT(absl::Now() - begun, absl::Seconds(5));
  sidecar.dismiss();
  EXPECT_THAT(remains(), SizeIs(0));
}

TEST_F(SidecarTest, LimitsHold) {
  Sidecar sidecar(settings_, "agent", heard_);
  auto wanted =
      service("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; echo forked; exec sleep 1000");
  wanted.agent->pids = 6;
  sidecar.use(wanted);
  ASSERT_TRUE(soon([&] { return sidecar.view().state == "running"; })) << heard_.text();
  const SidecarView view = sidecar.view();
  if (std::ranges::none_of(view.enforced, [](const std::string& one) { return one.starts_with("pids"); }))
    GTEST_SKIP() << "no pids controller here";
  EXPECT_TRUE(soon([&] { return heard_.has("annot fork", Kind::kNote); })) << heard_.text();
  sidecar.dismiss();
}

TEST_F(SidecarTest, ChangesVersionAndBack) {
  Sidecar sidecar(settings_, "agent", heard_);
  sidecar.use(service("echo I am one; exec sleep 1000", "1"));
  ASSERT_TRUE(soon([&] { return heard_.has("I am one", Kind::kNote); })) << heard_.text();
  const int one = sidecar.view().pid;
  sidecar.use(service("echo I am two; exec sleep 1000", "2"));
  ASSERT_TRUE(soon([&] { return heard_.has("I am two", Kind::kNote); })) << heard_.text();
  EXPECT_TRUE(gone(one));
  EXPECT_EQ(sidecar.view().previous, "1");
  heard_.all.clear();
  ASSERT_TRUE(sidecar.use_previous().ok());
  EXPECT_TRUE(soon([&] { return heard_.has("I am one", Kind::kNote); })) << heard_.text();
  EXPECT_EQ(sidecar.view().version, "1");
  sidecar.dismiss();
}

TEST_F(SidecarTest, AVersionThatFailsItsProbesIsGivenUpForTheOneBefore) {
  auto wanted = service("exec sleep 1000", "1");
  wanted.fallback = {manifest::Service::Fallback::kPrevious};
  const manifest::Object one = wanted;
  wanted.version = "2";
  const manifest::Object two = wanted;
  Sidecars sidecars(settings_, heard_);
  sidecars.reload({&one});
  sidecars.reload({&two});
  ServiceState state;
  state.service = "agent";
  bool in_rollout = true;
  std::string began_anew;
  FallbackPrevious previous(
      sidecars,
      {[&](const std::string&) { return state; }, [&](const std::string&) { return in_rollout; },
       [&](const std::string&, const std::string& version) { began_anew = version; }},
      heard_);
  const auto look = [&] { previous.look(std::get<manifest::Service>(two)); };
  for (const Health health : {Health::kUnknown, Health::kStarting, Health::kReady, Health::kDegraded}) {
    state.health = health;
    look();
  }
  state.health = Health::kFailed;
  look();
  EXPECT_EQ(sidecars.view("agent")->version, "2");  // the rollout's business
  in_rollout = false;
  look();
  EXPECT_EQ(sidecars.view("agent")->version, "1");
  EXPECT_EQ(began_anew, "1");
  EXPECT_TRUE(heard_.has("version 2 fails its probes", Kind::kFallback, Phase::kBegin)) << heard_.text();
  look();  // the old one is as bad
  EXPECT_EQ(sidecars.view("agent")->version, "1");
  EXPECT_TRUE(heard_.has("cannot be used", Kind::kFallback)) << heard_.text();
  state.health = Health::kReady;
  look();
  EXPECT_TRUE(heard_.has("is ready", Kind::kFallback, Phase::kEnd)) << heard_.text();
  sidecars.reload({});
}

TEST_F(SidecarTest, OneThatDoesNotStartIsTriedAgainWithPauses) {
  Sidecar sidecar(settings_, "agent", heard_);
  auto wanted = service("");
  wanted.agent->command = {"/no/such/program"};
  sidecar.use(wanted);
  EXPECT_TRUE(soon([&] { return sidecar.view().restarts >= 2; })) << heard_.text();
  EXPECT_TRUE(heard_.has("does not start", Kind::kSidecar, Phase::kBegin)) << heard_.text();
  EXPECT_THAT(sidecar.view().why, HasSubstr("/no/such/program")) << sidecar.view().why;
  sidecar.dismiss();
  EXPECT_THAT(remains(), SizeIs(0));
}

// As after an upgrade of the agent: the process goes on, and the next agent takes it up.
TEST_F(SidecarTest, IsTakenUpByTheNextAgent) {
  settings_.leave_running = true;
  int pid = 0;
  {
    Sidecar sidecar(settings_, "agent", heard_);
    sidecar.use(service("echo up; exec sleep 1000"));
    ASSERT_TRUE(soon([&] { return sidecar.view().state == "running"; })) << heard_.text();
    pid = sidecar.view().pid;
  }
  EXPECT_FALSE(gone(pid));
  {
    Sidecar sidecar(settings_, "agent", heard_);
    sidecar.use(service("echo up; exec sleep 1000"));
    ASSERT_TRUE(soon([&] { return sidecar.view().state == "running"; })) << heard_.text();
    EXPECT_EQ(sidecar.view().pid, pid);
    EXPECT_TRUE(heard_.has("taken up again", Kind::kSidecar));
  }
  Sidecars next(settings_, heard_);  // which is not asked for it any more
  next.reload({});
  EXPECT_TRUE(gone(pid));
  EXPECT_THAT(remains(), SizeIs(0));
  EXPECT_TRUE(fs::is_empty(settings_.folder));
}

}  // namespace
}  // namespace outrigger::agent
