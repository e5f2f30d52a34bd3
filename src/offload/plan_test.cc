#include "offload/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::offload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Service service(const std::string& name, const std::string& task, bool privileged = true) {
  Service made;
  made.name = name;
  made.task = task;
  made.privileged = privileged;
  if (privileged) made.privilege.capabilities = {"NET_ADMIN"};
  made.contract = {"probe", "1", "network", "host"};
  return made;
}

Inventory host(std::vector<Service> services) {
  Inventory made;
  made.host = "web-1";
  made.cpus = 8;
  made.services = std::move(services);
  return made;
}

const Placement& of(const Plan& plan, const std::string& name) {
  for (const Placement& one : plan.placements) {
    if (one.service == name) return one;
  }
  ADD_FAILURE() << "no placement of " << name;
  return plan.placements.front();
}

std::string reasons(const Plan& plan, const std::string& name) {
  return absl::StrJoin(of(plan, name).reasons, "; ");
}

TEST(Plan, DecidesByTheArticlesRule) {
  Service edge = service("gateway", "application", false);
  edge.latency_sensitive = true;
  edge.traffic_locality = "edge";
  const Plan plan = make_plan(host({service("ovs", "virtual_switch"), service("flows", "telemetry", false),
                                    service("redis", "application", false), edge}),
                              {});
  EXPECT_EQ(of(plan, "ovs").verdict, Verdict::kOffload);
  EXPECT_THAT(reasons(plan, "ovs"), HasSubstr("privileged: CAP_NET_ADMIN"));
  EXPECT_EQ(of(plan, "flows").verdict, Verdict::kOffload);
  EXPECT_THAT(reasons(plan, "flows"), HasSubstr("its task is telemetry"));
  EXPECT_EQ(of(plan, "redis").verdict, Verdict::kKeep);
  EXPECT_EQ(of(plan, "redis").wave, 0u);
  EXPECT_EQ(of(plan, "gateway").verdict, Verdict::kOffload);
  EXPECT_THAT(reasons(plan, "gateway"), HasSubstr("at the edge"));
}

TEST(Plan, GoesControlPlaneFirstInSmallWavesThatWaitForAScorecard) {
  Rules rules;
  rules.wave_budget = 2;
  const Plan plan = make_plan(
      host({service("ovs", "virtual_switch"), service("nft", "policy"), service("vx", "overlay"),
            service("bgpd", "network_agent"), service("flows", "telemetry"), service("tap", "tap")}),
      rules);
  ASSERT_EQ(plan.waves.size(), 4u);
  for (const char* name : {"bgpd", "flows", "tap"}) EXPECT_LE(of(plan, name).wave, 2u) << name;
  for (const char* name : {"ovs", "nft", "vx"}) EXPECT_GE(of(plan, name).wave, 3u) << name;
  EXPECT_EQ(plan.waves[0].waits_for, "");
  EXPECT_EQ(plan.waves[2].waits_for, "scorecard of wave 2: pays");
  for (const Wave& wave : plan.waves) EXPECT_LE(wave.services.size(), 2u);
}

TEST(Plan, NoisyOnesGoBeforeQuietOnes) {
  Service noisy = service("noisy", "policy"), quiet = service("quiet", "policy");
  noisy.noise = {.cpu = 0.8, .cpu_deviation = 0.4, .wakeups_per_second = 5000};
  Rules rules;
  rules.wave_budget = 1;
  const Plan plan = make_plan(host({quiet, noisy}), rules);
  EXPECT_EQ(of(plan, "noisy").wave, 1u);
  EXPECT_EQ(of(plan, "quiet").wave, 2u);
  EXPECT_THAT(reasons(plan, "noisy"), HasSubstr("takes 0.80 CPUs, deviating by 0.40"));
}

TEST(Plan, NoiseNeverTurnsAKeepIntoAnything) {
  Service loud = service("loud", "application", false);
  loud.noise = {.cpu = 7, .cpu_deviation = 3, .wakeups_per_second = 1e6, .run_queue_wait = 1, .softirq = 1};
  EXPECT_EQ(of(make_plan(host({loud}), {}), "loud").verdict, Verdict::kKeep);
}

TEST(Plan, WhatLacksAContractIsNotReady) {
  Service bare = service("bare", "policy");
  bare.contract.fallback = bare.contract.log_owner = "";
  const Plan plan = make_plan(host({bare}), {});
  EXPECT_EQ(of(plan, "bare").verdict, Verdict::kOffload) << "the decision stands";
  EXPECT_THAT(of(plan, "bare").missing, ElementsAre("logOwner", "fallback"));
  EXPECT_EQ(of(plan, "bare").wave, 0u);
  EXPECT_THAT(plan.waves, IsEmpty());
}

TEST(Plan, PrivilegesOfWhatIsNoInfrastructureAreNoReasonToMoveItNow) {
  Service gateway = service("gateway", "application");
  gateway.latency_sensitive = true;
  gateway.traffic_locality = "edge";
  const Inventory all = host({service("nginx", "application"), service("sshd", "other"), gateway});
  const Plan plan = make_plan(all, {});
  EXPECT_EQ(of(plan, "nginx").verdict, Verdict::kLater);
  EXPECT_THAT(reasons(plan, "nginx"),
              HasSubstr("privileged: CAP_NET_ADMIN; later: an application should lose"));
  EXPECT_EQ(of(plan, "sshd").verdict, Verdict::kLater);
  EXPECT_THAT(reasons(plan, "sshd"), HasSubstr("nobody has said"));
  EXPECT_EQ(of(plan, "gateway").verdict, Verdict::kOffload) << "it would move without the privilege, too";
  Rules rules;
  rules.rules = {{"all that is privileged", {}, {}, true, std::nullopt, Verdict::kOffload}};
  EXPECT_EQ(of(make_plan(all, rules), "nginx").verdict, Verdict::kOffload) << "somebody said so";
}

TEST(Plan, ReasonsStayShort) {
  Service many = service("many", "policy");
  many.privilege.capabilities = {"CHOWN", "KILL", "SETUID", "SYS_ADMIN", "SYS_CHROOT", "NET_ADMIN"};
  many.privilege.tables = {"a", "b", "c", "d", "e"};
  EXPECT_THAT(
      reasons(make_plan(host({many}), {}), "many"),
      HasSubstr("CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_CHOWN, CAP_KILL and 2 more, a, b, c, d and 1 more"));
}

TEST(Plan, HavingAllCapabilitiesWeighsMost) {
  Service all = service("all", "policy"), one = service("one", "policy");
  all.privilege.capabilities = {"ALL but SYS_RESOURCE"};
  const Plan plan = make_plan(host({one, all}), {});
  EXPECT_GT(of(plan, "all").weight, of(plan, "one").weight);
}

TEST(Plan, WhatCallsTheHostOftenComesLater) {
  Service chatty = service("chatty", "network_agent");
  chatty.host_calls_per_second = 5000;
  const Plan plan = make_plan(host({chatty}), {});
  EXPECT_EQ(of(plan, "chatty").verdict, Verdict::kLater);
  EXPECT_THAT(reasons(plan, "chatty"), HasSubstr("5000 times a second (bound 1000)"));
}

TEST(Plan, TheDpuMayBeFull) {
  Service big = service("a-big", "policy"), bigger = service("b-bigger", "policy");
  big.noise.cpu = 3;
  big.noise.cpu_deviation = 1;
  bigger.noise.cpu = 2;
  bigger.memory = uint64_t{9} << 30;
  Rules rules;
  rules.capacity = {4, uint64_t{8} << 30};
  const Plan plan = make_plan(host({big, bigger}), rules);
  EXPECT_EQ(of(plan, "a-big").wave, 1u);
  EXPECT_EQ(of(plan, "b-bigger").verdict, Verdict::kLater);
  EXPECT_THAT(reasons(plan, "b-bigger"), HasSubstr("1.0 of 4.0 CPUs left"));
  EXPECT_THAT(reasons(plan, "b-bigger"), HasSubstr("8192 of 8192 MiB left"));
}

TEST(Plan, ABadlyRunHostIsTold) {
  Inventory bad = host({service("web", "application", false)});
  EXPECT_THAT(make_plan(bad, {}).findings, IsEmpty());
  bad.applications_limited = false;
  bad.application_as_root = true;
  bad.application_cpu = 7.5;
  const Plan plan = make_plan(bad, {});
  ASSERT_EQ(plan.findings.size(), 3u);
  EXPECT_THAT(plan.findings[2], HasSubstr("94 % of the CPUs"));
  for (const std::string& one : plan.findings) EXPECT_THAT(one, HasSubstr("DPU will not mend"));
}

TEST(Plan, OwnRulesReplaceTheArticles) {
  Rules rules;
  rules.rules = {{"storage stays", {"storage_agent"}, {}, std::nullopt, std::nullopt, Verdict::kKeep},
                 {"privileged goes", {}, {}, true, std::nullopt, Verdict::kOffload}};
  const Plan plan = make_plan(host({service("iscsid", "storage_agent"), service("ovs", "virtual_switch"),
                                    service("x", "policy", false)}),
                              rules);
  EXPECT_EQ(of(plan, "iscsid").verdict, Verdict::kKeep);
  EXPECT_THAT(reasons(plan, "iscsid"), HasSubstr("rule \"storage stays\""));
  EXPECT_EQ(of(plan, "ovs").verdict, Verdict::kOffload);
  EXPECT_EQ(of(plan, "x").verdict, Verdict::kKeep);
}

TEST(Plan, OfTwoThousandServicesIsMadeInLessThanATenthOfASecond) {
  std::vector<Service> many;
  for (int i = 0; i < 2000; ++i)
    many.push_back(service(absl::StrCat("s", i), i % 3 == 0 ? "policy" : "network_agent"));
  const Inventory inventory = host(std::move(many));
  const auto start = std::chrono::steady_clock::now();
  const Plan plan = make_plan(inventory, {});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(plan.waves.size(), 1000u + 1);
  EXPECT_LT(took.count(), 0.1 * 10) << "ten times the bound, for sanitizers and busy machines";
}

}  // namespace
}  // namespace outrigger::offload
