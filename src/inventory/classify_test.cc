#include "inventory/classify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outrigger::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string task_of(const Subject& subject) {
  const auto match = classify(subject, builtin_rules());
  return match ? builtin_rules()[match->rule].task : "none";
}

TEST(BuiltinRules, AreInOrder) {
  const auto parsed = parse_rules(builtin_rules_text(), "rules.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_GT(parsed->size(), 40u);
}

struct Known {
  const char *program, *task;
};

TEST(BuiltinRules, KnowTheProgramsOfTheTrade) {
  for (const Known& one : std::vector<Known>{{"ovs-vswitchd", "virtual_switch"},
                                             {"ovsdb-server", "virtual_switch"},
                                             {"ovn-controller", "network_agent"},
                                             {"cilium-agent", "policy"},
                                             {"calico-node", "policy"},
                                             {"kube-proxy", "policy"},
                                             {"bgpd", "network_agent"},
                                             {"zebra", "network_agent"},
                                             {"bird", "network_agent"},
                                             {"suricata", "policy"},
                                             {"softflowd", "telemetry"},
                                             {"vector", "telemetry"},
                                             {"fluent-bit", "telemetry"},
                                             {"node_exporter", "telemetry"},
                                             {"blackbox_exporter", "telemetry"},
                                             {"iscsid", "storage_agent"},
                                             {"multipathd", "storage_agent"},
                                             {"nvme", "storage_agent"},
                                             {"chronyd", "network_agent"},
                                             {"tcpdump", "tap"},
                                             {"haproxy", "chain"},
                                             {"outrigger-engine", "virtual_switch"},
                                             {"outriggerd", "network_agent"},
                                             {"nginx", "application"},
                                             {"redis-server", "application"},
                                             {"sshd", "other"},
                                             {"flanneld", "overlay"}}) {
    EXPECT_EQ(task_of({.programs = {one.program}, .privileged = true}), one.task) << one.program;
  }
}

TEST(BuiltinRules, KnowUnknownProgramsByWhatTheyDo) {
  EXPECT_EQ(task_of({.programs = {"x"}, .sockets = {"netlink:route", "packet"}, .privileged = true}), "tap");
  EXPECT_EQ(task_of({.programs = {"x"}, .bpf = {"xdp filter"}, .privileged = true}), "policy");
  EXPECT_EQ(task_of({.programs = {"x"}, .sockets = {"listen tcp 0.0.0.0:80"}}), "application");
  EXPECT_EQ(task_of({.programs = {"x"}, .sockets = {"listen tcp 0.0.0.0:80"}, .privileged = true}), "none");
  EXPECT_EQ(task_of({.programs = {"x"}}), "none");
}

TEST(BuiltinRules, KnowTheKernelsWork) {
  for (const Known& one : std::vector<Known>{{"nftables inet filter", "policy"},
                                             {"iptables nat", "policy"},
                                             {"conntrack", "policy"},
                                             {"tc eth0 htb", "policy"},
                                             {"vxlan vx100 vni 100", "overlay"},
                                             {"wireguard wg0", "overlay"},
                                             {"ipsec", "overlay"},
                                             {"bridge br0", "virtual_switch"},
                                             {"openvswitch ovs-system", "virtual_switch"}})
    EXPECT_EQ(task_of({.tables = {one.program}, .privileged = true}), one.task) << one.program;
}

TEST(Classify, TheFirstRuleWhoseConditionsAllHoldDecides) {
  const auto rules = parse_rules(R"(rules:
- {name: filter of ours, program: [a, "b*"], unit: web.service, task: policy}
- {name: by line, line: "*--export*", task: telemetry}
- {name: rest, task: other}
)",
                                 "mine.yaml");
  ASSERT_TRUE(rules.ok()) << rules.status();
  const auto why = [&](const Subject& subject) { return classify(subject, *rules)->why; };
  EXPECT_EQ(why({.programs = {"x", "bee"}, .unit = "web.service"}),
            "rule \"filter of ours\": program bee, unit web.service");
  EXPECT_EQ(why({.programs = {"bee"}, .unit = "other.service"}), "rule \"rest\"");
  EXPECT_EQ(why({.programs = {"a"}, .line = "a --export x"}), "rule \"by line\": command line a --export x");
}

TEST(Classify, FaultsNameLineAndField) {
  const auto said = [](const char* text) {
    const auto rules = parse_rules(text, "mine.yaml");
    return rules.ok() ? "accepted" : std::string(rules.status().message());
  };
  EXPECT_THAT(said("rules:\n- {name: a, task: plumbing}\n"),
              HasSubstr("mine.yaml:2: rules: rules[0].task: must be one of policy"));
  EXPECT_THAT(said("rules: [{task: policy}]"), HasSubstr("rules[0].name: is missing"));
  EXPECT_THAT(said("rules: [{name: a}]"), HasSubstr("rules[0].task"));
  EXPECT_THAT(said("rules: [{name: a, task: policy, trafficLocality: near}]"),
              HasSubstr("trafficLocality: must be one of edge"));
  EXPECT_THAT(said("rules: [{name: a, task: policy, programme: x}]"), HasSubstr("programme"));
  EXPECT_THAT(said("rules: [{name: a, task: policy, program: {x: y}}]"), HasSubstr("rules[0].program"));
  EXPECT_THAT(said("{}"), HasSubstr("rules"));
  EXPECT_THAT(said(""), HasSubstr("is empty"));
}

TEST(Classify, AProgramHasSeveralNames) {
  EXPECT_THAT(programs_of("bgpd", "/usr/lib/frr/bgpd (deleted)", "/usr/lib/frr/bgpd -A x"),
              ElementsAre("bgpd"));
  EXPECT_THAT(programs_of("nginx", "/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx"),
              ElementsAre("nginx"));
  EXPECT_THAT(programs_of("python3", "/usr/bin/python3.11", "/usr/bin/python3 -u /opt/policy-agent --once"),
              ElementsAre("policy-agent", "python3", "python3.11"));
  EXPECT_THAT(programs_of("sh", "/usr/bin/dash", "sh -c tcpdump -i eth0"), ElementsAre("sh", "dash"))
      << "it is not what it talks about";
  EXPECT_THAT(programs_of("python3", "/usr/bin/python3.11", "python3 -m http.server"),
              ElementsAre("http.server", "python3", "python3.11"));
  EXPECT_THAT(programs_of("python3", "/usr/bin/python3.11", ""), ElementsAre("python3.11", "python3"));
  EXPECT_THAT(programs_of("redis-server", "/usr/bin/redis-check-rdb", "/usr/bin/redis-server 127.0.0.1:6379"),
              ElementsAre("redis-server", "redis-check-rdb"));
  EXPECT_THAT(programs_of("bash", "/usr/bin/bash", "bash /proc/self/fd/3"), ElementsAre("bash"));
  EXPECT_THAT(programs_of("bash", "/usr/bin/bash", "bash /opt/apply-rules.sh"),
              ElementsAre("apply-rules.sh"));
  EXPECT_THAT(programs_of("worker", "/usr/sbin/nginx", "nginx: worker process"),
              ElementsAre("nginx", "worker"));
  EXPECT_THAT(programs_of("", "", ""), ElementsAre());
}

}  // namespace
}  // namespace outrigger::inventory
