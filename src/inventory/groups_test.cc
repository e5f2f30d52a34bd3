#include "inventory/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inventory/describe.h"

namespace outrigger::inventory {
namespace {

using ::testing::ElementsAre;

constexpr const char* kDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

Seen process(uint32_t pid, const std::string& name, const std::string& cgroup, uint64_t net = 1) {
  Seen seen;
  seen.process.pid = pid;
  seen.process.name = name;
  seen.process.program = "/usr/bin/" + name;
  seen.process.cgroup = cgroup;
  seen.process.net_namespace = net;
  return seen;
}

std::vector<std::string> names_of(const Look& look) {
  std::vector<std::string> names;
  for (const Group& one : group(look)) names.push_back(one.name);
  return names;
}

TEST(Groups, HomesOfControlGroups) {
  EXPECT_EQ(home_of("/system.slice/frr.service/sub").unit, "frr.service");
  EXPECT_EQ(home_of("/system.slice/frr.service/sub").path, "/system.slice/frr.service");
  EXPECT_EQ(home_of("/user.slice/user-0.slice/user@0.service/app.slice/x.scope").unit, "");
  EXPECT_EQ(home_of("/user.slice/user-0.slice/user@0.service/app.slice/sync.service").unit, "sync.service");
  EXPECT_EQ(home_of("/user.slice/user-0.slice/session-1.scope").unit, "");
  for (const char* before :
       {"/docker/", "/system.slice/docker-", "/kubepods.slice/kubepods-pod1.slice/cri-containerd-",
        "/machine.slice/libpod-"}) {
    EXPECT_EQ(home_of(std::string(before) + kDigest).container, "0123456789ab") << before;
    EXPECT_EQ(home_of(std::string(before) + kDigest + ".scope").container, "0123456789ab") << before;
  }
  EXPECT_EQ(home_of("/").path, "");
  EXPECT_EQ(home_of("").path, "");
}

TEST(Groups, UnitsContainersProgramsAndNetworksApart) {
  Look look;
  look.net_namespace = 1;
  look.processes = {process(1, "zebra", "/system.slice/frr.service"),
                    process(2, "bgpd", "/system.slice/frr.service"),
                    process(3, "bash", "/user.slice/session-1.scope"),
                    process(4, "bash", "/user.slice/session-2.scope"),
                    process(5, "bgpd", "/", 2),
                    process(6, "bgpd", "/", 1),
                    process(7, "envoy", std::string("/docker/") + kDigest),
                    process(8, "frr", "/")};
  Seen thread = process(9, "kworker/0:1", "/");
  thread.process.kernel = true;
  look.processes.push_back(thread);
  EXPECT_THAT(names_of(look), ElementsAre("frr", "bash", "bgpd in network 2", "bgpd",
                                          "envoy in container 0123456789ab", "frr #2", "kernel threads"));
}

TEST(Describe, TheServiceHoldsWhatAnyOfItsProcessesHolds) {
  Look look;
  look.net_namespace = 1;
  look.pid_namespace = 5;
  Seen first = process(1, "watchfrr", "/system.slice/frr.service"),
       second = process(2, "bgpd", "/system.slice/frr.service");
  first.process.uid = 100;
  first.process.memory = 10;
  second.process.uid = 101;
  second.process.memory = 20;
  second.process.capabilities = 1u << 12 | 1u << 13;
  second.process.pid_namespace = 5;
  second.sockets = {"listen tcp 0.0.0.0:179"};
  look.processes = {first, second};
  const Described one = describe(group(look)[0], look, builtin_rules());
  EXPECT_EQ(one.service.task, "network_agent");
  EXPECT_EQ(one.service.why, "rule \"FRR's BGP\": program bgpd");
  EXPECT_TRUE(one.service.privileged);
  EXPECT_THAT(one.service.privilege.capabilities, ElementsAre("NET_ADMIN", "NET_RAW"));
  EXPECT_EQ(one.service.privilege.uid, 100u);
  EXPECT_TRUE(one.service.privilege.host_network);
  EXPECT_TRUE(one.service.privilege.host_pid);
  EXPECT_THAT(one.service.privilege.sockets, ElementsAre("listen tcp 0.0.0.0:179"));
  EXPECT_THAT(one.service.pids, ElementsAre(1, 2));
  EXPECT_EQ(one.service.memory, 30u);
}

TEST(Describe, CapabilitiesInFewWords) {
  const uint64_t all = (uint64_t{1} << 41) - 1;
  EXPECT_THAT(capability_names(0, 40), ElementsAre());
  EXPECT_THAT(capability_names(all, 40), ElementsAre("ALL"));
  EXPECT_THAT(capability_names(all & ~(uint64_t{1} << 24), 40), ElementsAre("ALL but SYS_RESOURCE"));
  EXPECT_THAT(capability_names(1u << 12, 40), ElementsAre("NET_ADMIN"));
  EXPECT_EQ(capability_names(all >> 5, 40).size(), 36u);
}

TEST(Describe, ProgramsThatNobodyHolds) {
  const auto found =
      describe({{1, "xdp", "drop"}, {2, "cgroup_device", ""}, {3, "xdp", "count"}}, builtin_rules());
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].service.name, "eBPF cgroup_device");
  EXPECT_EQ(found[0].service.task, "other");
  EXPECT_EQ(found[1].service.task, "policy");
  EXPECT_THAT(found[1].service.privilege.bpf, ElementsAre("xdp count", "xdp drop"));
}

}  // namespace
}  // namespace outrigger::inventory
