#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/fixture.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPolicy[] = R"(apiVersion: outrigger.dev/v1alpha1
kind: Service
metadata: {name: policy}
spec:
  version: 1.4.0
  task: policy
  privileged: true
  latencySensitive: true
  trafficLocality: edge
  health: {probe: verdict, interval: 200ms, failAfter: 3}
  logs: {owner: netsec, host: host-agent, dpu: engine}
  fallback: [previous, host, closed]
)";

constexpr char kAgent[] = R"(kind: Service
metadata: {name: bgp}
spec:
  version: "8.4"
  task: agent
  health: {probe: tcp, port: 179, interval: 1s, timeout: 500ms, failAfter: 2, readyAfter: 1}
  logs: {owner: routing}
  fallback: [previous, open]
  agent:
    command: [/usr/lib/frr/bgpd, -n]
    env: {TZ: UTC}
    files: {bgpd.conf: "log stdout\n"}
    capabilities: [NET_BIND_SERVICE]
    limits: {memory: 64Mi, cpu: 500m, pids: 16}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Service, ReadsAContract) {
  const auto service = one<Service>(kPolicy);
  EXPECT_EQ(service.version, "1.4.0");
  EXPECT_EQ(service.task, Service::Task::kPolicy);
  EXPECT_TRUE(service.privileged);
  EXPECT_TRUE(service.latency_sensitive);
  EXPECT_EQ(service.locality, Service::Locality::kEdge);
  EXPECT_EQ(service.health.interval_ms, 200u);
  EXPECT_EQ(service.health.timeout_ms, 200u);
  EXPECT_EQ(service.health.fail_after, 3u);
  EXPECT_EQ(service.health.ready_after, 3u);
  EXPECT_EQ(service.logs.owner, "netsec");
  EXPECT_THAT(service.fallback, ElementsAre(Service::Fallback::kPrevious, Service::Fallback::kHost,
                                            Service::Fallback::kClosed));
  EXPECT_FALSE(service.agent);
}

TEST(Service, ReadsAnAgent) {
  const auto service = one<Service>(kAgent);
  ASSERT_TRUE(service.agent);
  EXPECT_THAT(service.agent->command, ElementsAre("/usr/lib/frr/bgpd", "-n"));
  EXPECT_EQ(service.agent->files.at("bgpd.conf"), "log stdout\n");
  EXPECT_EQ(service.agent->memory, 64u << 20);
  EXPECT_EQ(service.agent->cpu_milli, 500u);
  EXPECT_EQ(service.agent->pids, 16u);
  EXPECT_EQ(service.health.port, 179);
  EXPECT_EQ(service.health.timeout_ms, 500u);
}

// The four of the contract, and their parts: each missing one is named, with file and line.
TEST(Service, IsRefusedWithoutItsContract) {
  struct {
    const char* cut;
    const char* fault;
  } const rows[] = {
      {"  version: 1.4.0\n", "f.yaml:5: Service policy: spec.version: missing"},
      {"  health: {probe: verdict, interval: 200ms, failAfter: 3}\n",
       "f.yaml:5: Service policy: spec.health: missing"},
      {"  logs: {owner: netsec, host: host-agent, dpu: engine}\n",
       "f.yaml:5: Service policy: spec.logs: missing"},
      {"  fallback: [previous, host, closed]\n", "f.yaml:5: Service policy: spec.fallback: missing"},
      {"owner: netsec, ", "f.yaml:11: Service policy: spec.logs.owner: missing"},
      {"probe: verdict, ", "f.yaml:10: Service policy: spec.health.probe: missing"},
      {"interval: 200ms, ", "f.yaml:10: Service policy: spec.health.interval: missing"},
      {", failAfter: 3", "f.yaml:10: Service policy: spec.health.failAfter: missing"},
      {"  task: policy\n", "f.yaml:5: Service policy: spec.task: missing"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(faults_of(replaced(kPolicy, row.cut, "")), ElementsAre(HasSubstr(row.fault))) << row.cut;
  }
}

TEST(Service, RefusesBadValues) {
  struct {
    const char *from, *to, *fault;
  } const rows[] = {
      {"[previous, host, closed]", "[]", "spec.fallback: must name at least one"},
      {"[previous, host, closed]", "[host, host]", "spec.fallback[1]: is host a second time"},
      {"[previous, host, closed]", "[closed, host]", "spec.fallback[1]: is never tried"},
      {"[previous, host, closed]", "[pray]", "spec.fallback[0]: is \"pray\""},
      {"200ms", "200", "spec.health.interval: must be an amount such as 200ms"},
      {"200ms", "10ms", "spec.health.interval: must be an amount"},
      {"200ms", "9999999999999999999s", "spec.health.interval: must be an amount"},
      {"failAfter: 3", "failAfter: 0", "spec.health.failAfter"},
      {"verdict", "tcp, port: 1", "spec.health.probe: is tcp, which says nothing about task policy"},
      {"privileged: true", "privileged: sure", "spec.privileged: must be true or false"},
      {"owner: netsec", "owner: \"\"", "spec.logs.owner: is empty"},
      {"version: 1.4.0", "version: 1.4", "spec.version: is the number 1.4, must be text"},
      {"task: policy", "task: polcy", "did you mean \"policy\"?"},
      {"fallback:", "agent: {command: [/bin/true]}\n  fallback:", "spec.agent: must be absent"},
      {"edge", "moon", "spec.trafficLocality"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(faults_of(replaced(kPolicy, row.from, row.to)), ElementsAre(HasSubstr(row.fault))) << row.to;
  }
}

TEST(Service, RefusesBadAgents) {
  struct {
    const char *from, *to, *fault;
  } const rows[] = {
      {"/usr/lib/frr/bgpd, -n", "bgpd", "spec.agent.command[0]: must be an absolute path"},
      {"[/usr/lib/frr/bgpd, -n]", "[]", "spec.agent.command: must have a program"},
      {"NET_BIND_SERVICE", "SYS_ADMIN", "spec.agent.capabilities[0]: is \"SYS_ADMIN\""},
      {"bgpd.conf", "../x", "spec.agent.files"},
      {"64Mi", "64", "spec.agent.limits.memory"},
      {"cpu: 500m", "cpu: 0", "spec.agent.limits.cpu"},
      {"pids: 16", "pids: 0", "spec.agent.limits.pids"},
      {"port: 179, ", "", "spec.health.port: missing; probe tcp needs it"},
      {"probe: tcp, port: 179", "probe: exec", "spec.health.command: missing; probe exec needs it"},
      {"probe: tcp, port: 179", "probe: verdict", "says nothing about task agent"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(faults_of(replaced(kAgent, row.from, row.to)), ElementsAre(HasSubstr(row.fault))) << row.to;
  }
  const std::string bare = std::string(kAgent).substr(0, std::string_view(kAgent).find("  agent:"));
  EXPECT_THAT(faults_of(bare), ElementsAre(HasSubstr("spec.agent: missing; task agent needs")));
}

TEST(Service, NamesOfBuiltInsAreTheirs) {
  EXPECT_THAT(check_faults_of(kPolicy), IsEmpty());
  EXPECT_THAT(check_faults_of(kAgent), IsEmpty());
  EXPECT_THAT(check_faults_of(replaced(kPolicy, "name: policy", "name: mine")),
              ElementsAre(HasSubstr("metadata.name: must be policy")));
  EXPECT_THAT(check_faults_of(replaced(kAgent, "name: bgp", "name: vswitch")),
              ElementsAre(HasSubstr("spec.task: is agent, must be virtual_switch")));
  EXPECT_THAT(check_faults_of(replaced(kAgent, "name: bgp", "name: engine")),
              ElementsAre(HasSubstr("a part of every node")));
}

TEST(Service, TheHealthNetworkIsNobodysElse) {
  EXPECT_THAT(check_faults_of("kind: Network\nmetadata: {name: blue}\n"
                              "spec: {vni: 16777214, subnets: [{cidr: 10.0.0.0/24, gateway: 10.0.0.1}]}\n"),
              ElementsAre(HasSubstr("spec.vni: is 16777214, which carries the health probes")));
}

}  // namespace
}  // namespace outrigger::manifest
