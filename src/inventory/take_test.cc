#include "inventory/take.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "offload/plan.h"
#include "procfs/fake_proc.h"

namespace outrigger::inventory {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TakeTest : public ::testing::Test {
 protected:
  TakeTest() {
    options_.look.root = proc_.root();
    options_.kernel = [this] { return kernel_; };
    options_.programs = [this] { return programs_; };
    proc_.write("self/mounts", absl::StrCat("cgroup2 ", proc_.root(), "/cg cgroup2 rw 0 0\n"));
    proc_.add({.pid = 1, .name = "systemd", .capabilities = kAll, .cgroup = "0::/init.scope\n"});
  }

  offload::Inventory taken() {
    const auto found = take(options_);
    EXPECT_TRUE(found.ok()) << found.status();
    // Whatever it is, plan can read it.
    const auto again = offload::parse_inventory(offload::to_yaml(*found), "written");
    EXPECT_TRUE(again.ok()) << again.status();
    return again.ok() ? *again : offload::Inventory{};
  }
  static const offload::Service* find(const offload::Inventory& in, const std::string& name) {
    for (const offload::Service& one : in.services) {
      if (one.name == name) return &one;
    }
    ADD_FAILURE() << "no service " << name;
    static const offload::Service none;
    return &none;
  }

  static constexpr const char* kAll = "000001ffffffffff";
  procfs::FakeProc proc_;
  KernelLook kernel_;
  absl::StatusOr<std::vector<BpfProgram>> programs_ = std::vector<BpfProgram>{};
  TakeOptions options_;
};

TEST_F(TakeTest, NamesTheHostAndItsServices) {
  proc_.add({.pid = 20,
             .name = "ovs-vswitchd",
             .capabilities = "0000000000001000",
             .start = 100,
             .ticks = 50'000,
             .pages = 100,
             .voluntary = 100'000,
             .ran_ns = 500'000'000'000,
             .cgroup = "0::/system.slice/ovs.service\n",
             .files = {"socket:[31]", "socket:[32]"}});
  proc_.write("20/net/netlink", "h\n0 16 20 0 0 0 0 0 0 31\n");
  proc_.write("1/net/netlink", "h\n0 16 20 0 0 0 0 0 0 31\n");
  proc_.write("1/net/tcp", "h\n0: 00000000:19CF 00000000:0000 0A 0:0 00:0 0 0 0 32 1\n");
  proc_.write("meminfo", "MemTotal:       1024 kB\n");
  proc_.write("cpuinfo", "processor : 0\nmodel name\t: Test CPU\n");
  const offload::Inventory found = taken();
  EXPECT_EQ(found.cpus, 2u);
  EXPECT_EQ(found.memory, 1u << 20);
  EXPECT_EQ(found.machine, "Test CPU");
  EXPECT_NEAR(found.cpu_busy, 600.0 / 1100, 1e-5);
  EXPECT_NEAR(found.softirq, 100.0 / 1100, 1e-5);
  const offload::Service* ovs = find(found, "ovs");
  EXPECT_EQ(ovs->task, "virtual_switch");
  EXPECT_EQ(ovs->unit, "ovs.service");
  EXPECT_TRUE(ovs->privileged);
  EXPECT_THAT(ovs->privilege.sockets, ElementsAre("listen tcp 0.0.0.0:6607", "netlink:generic"));
  EXPECT_NEAR(ovs->noise.cpu, 0.5, 1e-6);
  EXPECT_NEAR(ovs->noise.wakeups_per_second, 100, 1e-3);
  EXPECT_EQ(find(found, "systemd")->task, "other");
  EXPECT_THAT(found.not_seen, IsEmpty());
}

TEST_F(TakeTest, KernelWorkIsAServiceUnlessAProgramThatRunsOwnsIt) {
  kernel_.work = {{"nftables inet filter", {"nftables inet filter"}, "2 chains (hooked: input), 7 rules"},
                  {"openvswitch", {"openvswitch ovs-system"}, "1 device"},
                  {"vxlan", {"vxlan vx1 vni 1", "vxlan flannel.1 vni 2"}, "2 devices"}};
  proc_.add({.pid = 20, .name = "ovs-vswitchd", .capabilities = kAll});
  proc_.add({.pid = 21, .name = "flanneld", .capabilities = kAll, .net = "net:[9]"});
  const offload::Inventory found = taken();
  EXPECT_THAT(find(found, "ovs-vswitchd")->privilege.tables, ElementsAre("openvswitch ovs-system"));
  const offload::Service* nft = find(found, "nftables inet filter");
  EXPECT_TRUE(nft->kernel);
  EXPECT_EQ(nft->task, "policy");
  EXPECT_THAT(nft->why, HasSubstr("7 rules"));
  EXPECT_THAT(find(found, "vxlan")->privilege.tables, ElementsAre("vxlan vx1 vni 1", "vxlan flannel.1 vni 2"))
      << "that flanneld is on another network";
  for (const offload::Service& one : found.services) EXPECT_NE(one.name, "openvswitch");
  EXPECT_THAT(found.not_seen, Contains(HasSubstr("1 other network namespaces")));
  const offload::Plan plan = offload::make_plan(found, {});
  EXPECT_EQ(plan.placements[0].verdict, offload::Verdict::kOffload);
  EXPECT_EQ(plan.waves.size(), 1u) << "rules and tunnels have a contract of Outrigger's own";
}

TEST_F(TakeTest, HostileNamesHarmNobody) {
  const std::string name = "nft\n- name: \"x\"\x1b[2J\xff";
  proc_.add({.pid = 30,
             .name = name,
             .line = std::string("a\0\n---\n\xc3", 8),
             .exe = "/tmp/\xff\n\"'{[",
             .capabilities = kAll,
             .cgroup = "0::/system.slice/a\xff\x1b.service\n"});
  proc_.add({.pid = 31, .name = "nftables inet filter", .exe = "/x/nftables inet filter"});
  kernel_.work = {{"nftables inet filter", {"nftables inet filter"}, ""}};
  const offload::Inventory found = taken();
  EXPECT_EQ(find(found, "a\\xff\\x1b")->program, "/tmp/\\xff\\x0a\"'{[");
  EXPECT_EQ(
      find(found, "nftables inet filter")->pids.size() + find(found, "nftables inet filter #2")->pids.size(),
      1u)
      << "both are there, apart";
}

TEST_F(TakeTest, WhatCannotBeSeenIsSaid) {
  proc_.add({.pid = 40, .name = "secret"});
  proc_.add({.pid = 41, .name = "hidden"});
  using std::filesystem::perms;
  std::filesystem::permissions(proc_.root(), static_cast<perms>(0755));
  std::filesystem::permissions(proc_.root() + "/40/fd", perms::none);
  std::filesystem::permissions(proc_.root() + "/41", perms::none);
  const bool root = ::geteuid() == 0;  // who would see all of it
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const offload::Inventory found = taken();
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  std::filesystem::permissions(proc_.root() + "/41", perms::owner_all);
  EXPECT_THAT(found.not_seen, Contains("sockets and eBPF programs of 1 process (process 40)"));
  EXPECT_THAT(found.not_seen, Contains("everything of 1 process (process 41)"));
  EXPECT_EQ(find(found, "secret")->task, "other") << "the rest of it is seen";
}

TEST_F(TakeTest, MissingPartsAreSaid) {
  proc_.add({.pid = 40, .name = "a"});
  std::filesystem::remove(proc_.root() + "/40/exe");
  std::filesystem::remove(proc_.root() + "/40/ns/net");
  programs_ = absl::PermissionDeniedError("eBPF programs: Operation not permitted");
  kernel_.missing = {"ipsec: Operation not permitted"};
  const offload::Inventory found = taken();
  EXPECT_THAT(found.not_seen, Contains("eBPF programs: Operation not permitted"));
  EXPECT_THAT(found.not_seen, Contains("ipsec: Operation not permitted"));
  EXPECT_THAT(found.not_seen, Contains("executable of 1 process (process 40)"));
  EXPECT_THAT(found.not_seen, Contains("network namespace of 1 process (process 40)"));
  EXPECT_FALSE(find(found, "a")->privilege.host_network) << "not known is not claimed";
  proc_.write("self/mounts", "");
  proc_.add({.pid = 41, .name = "redis-server", .uid = 999});
  EXPECT_THAT(taken().not_seen, Contains(HasSubstr("no control groups are mounted")));
  EXPECT_TRUE(taken().applications_limited) << "nothing is known against it";
  options_.look.root = proc_.root() + "/nowhere";
  EXPECT_TRUE(absl::IsNotFound(take(options_).status()));
}

TEST_F(TakeTest, LoadedProgramsBelongToWhoHoldsThem) {
  programs_ = std::vector<BpfProgram>{{33, "xdp", "filter"}, {34, "cgroup_device", "sd_devices"}};
  proc_.add({.pid = 50,
             .name = "shield",
             .uid = 1000,
             .files = {"anon_inode:bpf-prog"},
             .infos = {{"0", "prog_id:\t33\n"}}});
  const offload::Inventory found = taken();
  EXPECT_EQ(find(found, "shield")->task, "policy");
  EXPECT_TRUE(find(found, "shield")->privileged);
  EXPECT_THAT(find(found, "shield")->privilege.bpf, ElementsAre("xdp filter"));
  EXPECT_THAT(find(found, "eBPF cgroup_device")->privilege.bpf, ElementsAre("cgroup_device sd_devices"));
}

// Children that live for less than it takes to read them.
class Storm {
 public:
  Storm() : parent_(::fork()) {
    if (parent_ != 0) return;
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)::signal(SIGCHLD, SIG_IGN);  // nobody waits for them
    for (;;) {
      if (::fork() == 0) ::_exit(0);
    }
  }
  ~Storm() {
    (void)::kill(parent_, SIGKILL);
    (void)::waitpid(parent_, nullptr, 0);
  }

 private:
  pid_t parent_;
};

TEST_F(TakeTest, ProcessesMayVanishWhileTheyAreRead) {
  const Storm storm;
  options_.look.root = "/proc";
  for (int i = 0; i < 10; ++i) {
    const offload::Inventory found = taken();  // which plan can read: no process without a name, none twice
    EXPECT_FALSE(found.services.empty());
    for (const offload::Service& one : found.services)
      EXPECT_TRUE(one.kernel || !one.pids.empty()) << one.name;
  }
}

TEST_F(TakeTest, JudgesHowApplicationsAreRun) {
  proc_.add({.pid = 60, .name = "redis-server", .uid = 999, .cgroup = "0::/limited\n"});
  proc_.write("cg/limited/cpu.max", "50000 100000\n");
  EXPECT_TRUE(taken().applications_limited);
  EXPECT_FALSE(taken().application_as_root);
  proc_.write("cg/limited/cpu.max", "max 100000\n");
  EXPECT_FALSE(taken().applications_limited);
  proc_.add({.pid = 60, .name = "redis-server", .uid = 999, .cpus = "0"});
  EXPECT_TRUE(taken().applications_limited) << "tied to one CPU of two";
  proc_.add({.pid = 61, .name = "nginx", .uid = 0, .start = 100'000, .ran_ns = 9'000'000'000});
  const offload::Inventory found = taken();
  EXPECT_TRUE(found.application_as_root);
  EXPECT_LE(found.application_cpu, 2.0) << "no more than there is";
}

TEST_F(TakeTest, OfSomeNetworksAloneTheFirstIsTheHosts) {
  proc_.add({.pid = 70, .name = "here", .net = "net:[1]"});
  proc_.add({.pid = 71, .name = "there", .net = "net:[2]"});
  proc_.add({.pid = 72, .name = "kworker", .kernel = true});
  proc_.add({.pid = 73, .name = "elsewhere", .net = "net:[3]"});
  options_.look.networks = {2, 1};
  options_.look.skip = 1;
  const offload::Inventory found = taken();
  ASSERT_EQ(found.services.size(), 2u);
  EXPECT_EQ(found.services[0].name, "here in network 1");
  EXPECT_FALSE(found.services[0].privilege.host_network);
  EXPECT_EQ(found.services[1].name, "there");
  EXPECT_TRUE(found.services[1].privilege.host_network);
}

TEST_F(TakeTest, OwnRulesComeFirst) {
  proc_.add({.pid = 80, .name = "systemd-oomd"});
  auto own = parse_rules("rules: [{name: ours, program: systemd*, task: storage_agent}]", "mine.yaml");
  ASSERT_TRUE(own.ok());
  options_.rules.insert(options_.rules.begin(), own->begin(), own->end());
  EXPECT_EQ(find(taken(), "systemd-oomd")->why, "rule \"ours\": program systemd-oomd");
}

}  // namespace
}  // namespace outrigger::inventory
