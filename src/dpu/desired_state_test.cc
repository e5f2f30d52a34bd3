#include "dpu/desired_state.h"

#include <sys/resource.h>

#include <chrono>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "dpu/documents.h"
#include "dpu/test_state.h"
#include "gmock/gmock.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

std::string topology() {
  return absl::StrCat(kTwoNodes, endpoint("web-1", "host-a", "10.1.0.11", "02:00:00:00:01:01", "web"),
                      endpoint("client-1", "host-b", "10.1.0.12", "02:00:00:00:01:02", "client"));
}

std::vector<Outcome> outcomes(const Applied& applied) {
  std::vector<Outcome> all;
  for (const Change& change : applied.changes) all.push_back(change.outcome);
  return all;
}

TEST(DesiredStateTest, TheFirstApplyGivesTheEngineEverything) {
  TestState test;
  const auto applied = test.apply(topology());
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->snapshot->generation, Generation(1));
  EXPECT_EQ(outcomes(*applied), std::vector<Outcome>(6, Outcome::kCreated));
  ASSERT_EQ(test.engine->updates.size(), 1u);
  const engine::v1::Update& update = test.engine->updates[0];
  EXPECT_EQ(update.generation(), 1u);
  EXPECT_EQ(update.structure().node(), "host-a");
  EXPECT_EQ(update.structure().endpoints_size(), 2);
  EXPECT_TRUE(update.policy().replace());
}

TEST(DesiredStateTest, WhatIsInForceIsNotAppliedAgain) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  const auto again = test.apply(topology());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(outcomes(*again), std::vector<Outcome>(6, Outcome::kUnchanged));
  EXPECT_EQ(again->snapshot->generation, Generation(1));
  EXPECT_EQ(test.engine->updates.size(), 1u);
}

TEST(DesiredStateTest, APolicyGoesAsADifferenceWithoutStructure) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  ASSERT_TRUE(test.apply(kWebPolicy).ok());
  ASSERT_EQ(test.engine->updates.size(), 2u);
  EXPECT_FALSE(test.engine->updates[1].has_structure());
  EXPECT_FALSE(test.engine->updates[1].policy().replace());
  EXPECT_GT(test.engine->updates[1].policy().add_rules_size(), 0);
}

TEST(DesiredStateTest, AnEndpointElsewhereLeavesThePolicyOut) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  ASSERT_TRUE(test.apply(endpoint("db-1", "host-b", "10.1.0.13", "02:00:00:00:01:03", "db")).ok());
  ASSERT_EQ(test.engine->updates.size(), 2u);
  EXPECT_EQ(test.engine->updates[1].structure().endpoints_size(), 3);
  EXPECT_FALSE(test.engine->updates[1].has_policy());
}

TEST(DesiredStateTest, OneFaultRefusesTheWholeBatchAndChangesNothing) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  const auto refused =
      test.apply(absl::StrCat(endpoint("db-1", "host-b", "10.1.0.13", "02:00:00:00:01:03", "db"),
                              endpoint("lost-1", "nowhere", "10.1.0.14", "02:00:00:00:01:04", "db"),
                              endpoint("twin-1", "host-b", "10.1.0.15", "02:00:00:00:01:01", "db")));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("test.yaml:"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("Endpoint shop/lost-1"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("Endpoint shop/twin-1"));
  EXPECT_EQ(test.state->now()->objects.size(), 6u);
  EXPECT_EQ(test.engine->updates.size(), 1u);
  test.restart();
  EXPECT_EQ(test.state->now()->objects.size(), 6u);
}

TEST(DesiredStateTest, WhatTheEngineRefusesIsNotStored) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  test.engine->refuse = "port 3: no such device";
  const auto refused = test.apply(kWebPolicy);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("port 3: no such device"));
  EXPECT_EQ(test.state->now()->generation, Generation(1));
  test.engine->refuse.clear();
  const auto applied = test.apply(kWebPolicy);  // the same again: now it is a change like any other
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(applied->snapshot->generation, Generation(2));
  test.restart();
  EXPECT_EQ(test.state->now()->objects.size(), 7u);
}

// From here on no file may grow: what a full disk does to a commit.
void fill_disk(bool full) {
  static rlimit before = {};
  if (full) getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit = {full ? 1 : before.rlim_cur, before.rlim_max};
  std::signal(SIGXFSZ, full ? SIG_IGN : SIG_DFL);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST(DesiredStateTest, WhatTheDiskRefusesDoesNotStayInForce) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  test.on_publish = [&](uint64_t generation) { fill_disk(generation == 2); };
  const auto refused = test.apply(kWebPolicy);
  EXPECT_FALSE(refused.ok());
  ASSERT_EQ(test.engine->updates.size(), 3u);
  EXPECT_EQ(test.engine->updates[1].generation(), 2u);
  EXPECT_EQ(test.engine->updates[2].generation(), 1u);  // whole, as it was
  EXPECT_TRUE(test.engine->updates[2].has_structure());
  EXPECT_TRUE(test.engine->updates[2].policy().replace());
  EXPECT_EQ(test.state->now()->generation, Generation(1));
  test.on_publish = nullptr;
  const auto applied = test.apply(kWebPolicy);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->snapshot->generation, Generation(2));
  test.restart();
  EXPECT_EQ(test.state->now()->objects.size(), 7u);
}

TEST(DesiredStateTest, ARestartPutsTheStoredStateInForce) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  ASSERT_TRUE(test.apply(kWebPolicy).ok());
  const std::string before = test.state->now()->compiled.policy.SerializeAsString();
  test.restart();
  EXPECT_FALSE(test.state->now()->in_force);
  ASSERT_TRUE(test.state->reconcile().ok());
  EXPECT_TRUE(test.state->now()->in_force);
  ASSERT_EQ(test.engine->updates.size(), 1u);
  EXPECT_EQ(test.engine->updates[0].generation(), 2u);
  EXPECT_TRUE(test.engine->updates[0].policy().replace());
  EXPECT_EQ(test.engine->updates[0].structure().endpoints_size(), 2);
  ASSERT_TRUE(test.state->reconcile().ok());
  EXPECT_EQ(test.engine->updates.size(), 1u);
}

TEST(DesiredStateTest, AnEngineThatComesLateGetsTheStoredStateWithTheNextApply) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  test.restart();
  test.engine->refuse = "no device yet";
  EXPECT_FALSE(test.state->reconcile().ok());
  test.engine->refuse.clear();
  ASSERT_TRUE(test.apply(kWebPolicy).ok());
  EXPECT_TRUE(test.engine->updates.back().has_structure());
  EXPECT_TRUE(test.engine->updates.back().policy().replace());
}

TEST(DesiredStateTest, ANodeNobodyNamedCarriesNothing) {
  TestState test("host-z");
  const auto applied = test.apply(topology());
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_FALSE(applied->snapshot->node_known);
  EXPECT_EQ(test.engine->updates.back().structure().endpoints_size(), 0);
  EXPECT_EQ(test.engine->updates.back().structure().node(), "host-z");
}

TEST(DesiredStateTest, DeletesByNameAndOnlyWhatIsNotReferredTo) {
  TestState test;
  ASSERT_TRUE(test.apply(absl::StrCat(topology(), "---", kWebPolicy)).ok());
  Batch gone;
  gone.deletions = {{"NetworkPolicy", "shop", "web"}};
  const auto applied = test.state->apply(gone);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(outcomes(*applied), std::vector<Outcome>{Outcome::kDeleted});
  gone.deletions = {{"Network", "", "blue"}};
  EXPECT_THAT(std::string(test.state->apply(gone).status().message()), HasSubstr("Endpoint shop/"));
  gone.deletions = {{"Network", "", "red"}};
  EXPECT_THAT(std::string(test.state->apply(gone).status().message()), HasSubstr("Network red"));
  EXPECT_EQ(test.state->now()->objects.size(), 6u);
}

TEST(DesiredStateTest, APlanChangesNothing) {
  TestState test;
  const Plan plan = test.state->plan(batch(topology()));
  EXPECT_TRUE(plan.faults.empty());
  EXPECT_EQ(plan.changes.size(), 6u);
  EXPECT_TRUE(test.state->now()->objects.empty());
  EXPECT_TRUE(test.engine->updates.empty());
}

TEST(DesiredStateTest, ADocumentGivenTwiceIsAFaultEvenWhenInForce) {
  TestState test;
  const std::string node = "kind: Node\nmetadata: {name: host-a}\nspec: {kind: dpu, underlay: [192.0.2.1]}\n";
  ASSERT_TRUE(test.apply(node).ok());
  EXPECT_FALSE(test.apply(absl::StrCat(node, "---\n", node)).ok());
}

TEST(DesiredStateTest, AMovedDocumentIsBlamedWhereItIsNow) {
  TestState test;
  ASSERT_TRUE(test.state->apply(batch(topology(), "old.yaml")).ok());
  ASSERT_TRUE(test.state->apply(batch(topology(), "new.yaml")).ok());
  EXPECT_EQ(test.state->now()->generation, Generation(1));
  EXPECT_EQ(test.engine->updates.size(), 1u);
  test.restart();
  const auto* node = test.state->now()->find<manifest::Node>("Node", "", "host-a");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->meta.at.file, "new.yaml");
}

TEST(DesiredStateTest, TenThousandObjectsWithOneFaultAreRefusedInSeconds) {
  TestState test;
  ASSERT_TRUE(test.apply(kTwoNodes).ok());
  v1::Batch wire;
  for (int i = 0; i < 10000; ++i) {
    v1::Document& document = *wire.add_documents();
    document.set_text(
        absl::StrCat("kind: Pod\napiVersion: v1\nmetadata: {name: p-", i, ", namespace: shop}\n"));
    document.set_file("many.yaml");
    document.set_line(static_cast<uint32_t>(i * 4 + 1));
  }
  wire.mutable_documents(7777)->set_text(
      endpoint("odd-1", "nowhere", "10.1.0.77", "02:00:00:00:07:77", "web"));
  const auto start = std::chrono::steady_clock::now();
  const Plan plan = test.state->plan(read_batch(wire));
  const auto status = test.state->apply(read_batch(wire)).status();
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(plan.faults.size(), 1u);
  EXPECT_EQ(plan.faults[0].at.file, "many.yaml");
  EXPECT_EQ(plan.faults[0].at.line, 7777 * 4 + 1);
  EXPECT_EQ(plan.faults[0].object, "Endpoint shop/odd-1");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(test.state->now()->objects.size(), 4u);
  EXPECT_LT(took, std::chrono::seconds(20));  // a few seconds, on a machine that does other work
}

TEST(DesiredStateTest, IdsAndDigestOutliveTheAgent) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  ASSERT_TRUE(test.apply(endpoint("a-1", "host-a", "10.1.0.20", "02:00:00:00:01:20", "web")).ok());
  ASSERT_TRUE(test.apply(kWebPolicy).ok());
  const auto before = test.state->now();
  test.restart();
  // By name alone a-1 would come before web-1: only the store knows that web-1 was first.
  const auto after = test.state->now();
  EXPECT_EQ(after->ids.ports.all(), before->ids.ports.all());
  EXPECT_EQ(after->ids.ports.all().at("shop/web-1"), 1u);
  EXPECT_EQ(after->ids.rules.all(), before->ids.rules.all());
  EXPECT_EQ(after->ids.rules.next(), before->ids.rules.next());
  EXPECT_EQ(after->digest, before->digest);
  EXPECT_NE(after->digest, 0u);
  ASSERT_TRUE(test.state->reconcile().ok());
  EXPECT_EQ(test.engine->updates.back().digest(), before->digest);
}

TEST(DesiredStateTest, AnIdThatWasFreedBeforeARestartIsNotGivenAgainTooSoon) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  ASSERT_TRUE(test.apply(kWebPolicy).ok());
  const uint32_t next = test.state->now()->ids.rules.next();
  Batch without;
  without.deletions.push_back({"NetworkPolicy", "shop", "web"});
  ASSERT_TRUE(test.state->apply(without).ok());
  test.restart();
  ASSERT_TRUE(test.apply(kWebPolicy).ok());
  for (const auto& [name, id] : test.state->now()->ids.rules.all()) EXPECT_GE(id, next) << name;
}

TEST(DesiredStateTest, OneEndpointThatCannotBeAttachedIsMarkedAndTheRestApplied) {
  TestState test;
  ASSERT_TRUE(test.apply(topology()).ok());
  test.engine->refuse_device = "ep2";
  const auto applied =
      test.apply(absl::StrCat(endpoint("bad-1", "host-a", "10.1.0.30", "02:00:00:00:01:30", "db"),
                              endpoint("far-1", "host-b", "10.1.0.31", "02:00:00:00:01:31", "db")));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->snapshot->refused.size(), 1u);
  EXPECT_THAT(applied->snapshot->refused.at("Endpoint shop/bad-1"), HasSubstr("\"ep2\""));
  EXPECT_EQ(test.engine->updates.back().structure().endpoints_size(), 3);
  EXPECT_EQ(test.state->now()->objects.size(), 8u);  // stored all the same
  test.engine->refuse_device.clear();
  ASSERT_TRUE(test.state->reconcile().ok());
  EXPECT_TRUE(test.state->now()->refused.empty());
  EXPECT_EQ(test.engine->updates.back().structure().endpoints_size(), 4);
}

}  // namespace
}  // namespace outrigger::agent
