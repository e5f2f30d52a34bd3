#include "offload/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "offload/plan.h"

namespace outrigger::offload {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWhole = R"(apiVersion: outrigger.dev/inventory/v1
host: {name: web-1, kernel: "6.1.0", machine: "EPYC", cpus: 8, cpuBusy: 0.4, softirq: 0.1, applicationCpu: 2.5, applicationsLimited: true}
services:
- name: openvswitch
  task: virtual_switch
  why: known program ovs-vswitchd
  privileged: true
  pids: [101, 102]
  noise: {cpu: 0.6, cpuDeviation: 0.2, wakeupsPerSecond: 5000000, cpuPressure: 0.02, memoryPressure: 0.01, ioPressure: 0.005, watchedSeconds: 60}
  privilege: {capabilities: [NET_ADMIN, SYS_NICE], uid: 0, hostNetwork: true, sockets: ["netlink:generic"]}
  memoryBytes: 300000000
  contract: {health: "ovs-appctl version", version: "3.1", logOwner: network, fallback: host}
- name: nftables inet filter
  task: policy
  kernel: true
  privileged: true
  privilege: {tables: ["nftables inet filter"]}
notSeen: ["/proc/7/fd: Permission denied"]
)";

std::string refusal(const std::string& text) {
  const auto parsed = parse_inventory(text, "inventory.yaml");
  return parsed.ok() ? "accepted" : std::string(parsed.status().message());
}

std::string with(const std::string& from, const std::string& to) {
  return absl::StrReplaceAll(kWhole, {{from, to}});
}

TEST(Inventory, IsReadAsWritten) {
  const auto parsed = parse_inventory(kWhole, "inventory.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->services.size(), 2u);
  const Service& ovs = parsed->services[0];
  EXPECT_EQ(ovs.privilege.capabilities, (std::vector<std::string>{"NET_ADMIN", "SYS_NICE"}));
  EXPECT_EQ(ovs.privilege.uid, 0u);
  EXPECT_DOUBLE_EQ(ovs.noise.wakeups_per_second, 5e6);
  EXPECT_DOUBLE_EQ(ovs.noise.io_pressure, 0.005);
  EXPECT_DOUBLE_EQ(parsed->softirq, 0.1);
  EXPECT_EQ(ovs.line, 4u);
  EXPECT_EQ(ovs.contract.fallback, "host");
  EXPECT_TRUE(parsed->services[1].kernel);
  EXPECT_EQ(parsed->not_seen.size(), 1u);
}

TEST(Inventory, WrittenAndReadIsTheSame) {
  const auto first = parse_inventory(kWhole, "a");
  ASSERT_TRUE(first.ok());
  const auto second = parse_inventory(to_yaml(*first), "b");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(to_yaml(*first), to_yaml(*second));
  EXPECT_EQ(second->services[0].noise.cpu_deviation, 0.2);
  EXPECT_EQ(second->services[0].noise.wakeups_per_second, 5e6)
      << "written without a sign that would make it text";
  EXPECT_EQ(second->services[0].noise.memory_pressure, 0.01);
  EXPECT_EQ(second->softirq, 0.1);
  EXPECT_EQ(second->services[1].privilege.tables, first->services[1].privilege.tables);
}

struct Wrong {
  const char *from, *to, *said;
};

TEST(Inventory, RefusesWhatItDoesNotKnowAndWhatCannotBe) {
  const std::vector<Wrong> all = {
      {"inventory/v1", "inventory/v9", "apiVersion: must be outrigger.dev/inventory/v1"},
      {"task: policy", "task: plumbing", "services[1].task: must be one of policy, overlay"},
      {"kernel: true", "kernel: yes please", "must be true or false"},
      {"cpu: 0.6", "cpu: -1", "services[0].noise.cpu: must be a number, not negative"},
      {"cpu: 0.6", "cpus: 0.6", "cpus"},
      {"pids: [101, 102]", "pids: [101, -2]", "services[0].pids[1]"},
      {"  kernel: true\n", "  kernel: true\n  pids: [9]\n", "are of processes"},
      {"privilege: {tables: [\"nftables inet filter\"]}", "privilege: {uid: 0}", "is of processes"},
      {"name: nftables inet filter", "name: openvswitch", "in line 4 already"},
      {"  privileged: true\n  pids", "  privileged: false\n  pids",
       "is false, but privilege.capabilities names NET_ADMIN"},
      {"cpus: 8", "cpus: 0", "must be at least 1"},
      {"applicationCpu: 2.5", "applicationCpu: 25", "more than the host's 8 CPUs"},
      {"cpuBusy: 0.4", "cpuBusy: 40", "at most 1"},
      {"softirq: 0.1", "softirq: 0.5", "softirq: is a part of cpuBusy"},
      {"memoryPressure: 0.01", "memoryPressure: 1.01", "noise.memoryPressure: is a share"},
      {"services:", "service:", "service"},
  };
  for (const Wrong& one : all) {
    EXPECT_THAT(refusal(with(one.from, one.to)), HasSubstr(one.said)) << one.from << " -> " << one.to;
    EXPECT_THAT(refusal(with(one.from, one.to)), HasSubstr("inventory.yaml:")) << one.to;
  }
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("\xEF\xBB\xBF\xEF\xBB\xBF"), HasSubstr("is empty")) << "two byte order marks";
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), HasSubstr("2 documents"));
  EXPECT_THAT(refusal(std::string("\0\1", 2)), HasSubstr("inventory.yaml:1"));
}

TEST(Inventory, PrivilegedNeedsAPrivilege) {
  const std::string text = R"(apiVersion: outrigger.dev/inventory/v1
host: {cpus: 1}
services: [{name: a, task: other, privileged: true, privilege: {uid: 1000}}]
)";
  EXPECT_THAT(refusal(text), HasSubstr("inventory.yaml:3: inventory: services[0].privileged: is true, but"));
}

TEST(Rules, AreRead) {
  const auto rules = parse_rules(R"(
rules:
- {name: ours, task: [policy, overlay], privileged: true, then: offload}
- {name: rest, then: later}
waveBudget: 3
capacity: {cpus: 8, memoryMiB: 16384}
)",
                                 "rules.yaml");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_EQ(rules->rules.size(), 2u);
  EXPECT_EQ(rules->rules[0].then, Verdict::kOffload);
  EXPECT_EQ(rules->rules[1].then, Verdict::kLater);
  EXPECT_EQ(rules->capacity.memory, uint64_t{16384} << 20);
}

TEST(Rules, FaultsNameTheirField) {
  const auto said = [](const char* text) {
    const auto rules = parse_rules(text, "rules.yaml");
    return rules.ok() ? "accepted" : std::string(rules.status().message());
  };
  EXPECT_THAT(said("rules: [{name: a, then: move}]"), HasSubstr("rules[0].then"));
  EXPECT_THAT(said("rules: [{name: a}]"), HasSubstr("rules[0].then"));
  EXPECT_THAT(said("rules: [{then: keep}]"), HasSubstr("rules[0].name"));
  EXPECT_THAT(said("rules: [{name: a, task: nothing, then: keep}]"), HasSubstr("\"nothing\" is not known"));
  EXPECT_THAT(said("waveBudget: 0"), HasSubstr("waveBudget: must be at least 1"));
  EXPECT_THAT(said("wave: 1"), HasSubstr("wave"));
}

}  // namespace
}  // namespace outrigger::offload
