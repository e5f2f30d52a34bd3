// One change after another: what each leaves, and whose judgements it says it touched.
#include <gtest/gtest.h>

#include "services/policy/small_world.h"

namespace outrigger::policy::testing {
namespace {

// Four rules under one key: each removal reveals the next, whichever is removed.
TEST(PolicyTable, RemovalRevealsTheNext) {
  PolicyTable table;
  pb::Policy policy = world(false);
  const std::vector<RuleRow> rows = {{4, kAdmin, kAllow, 0, kTcp, 80, 80, 4},
                                     {2, kAdmin, kDeny, 0, kTcp, 80, 80, 2},
                                     {3, kAdmin, kAllow, 0, kTcp, 80, 80, 3},
                                     {1, kAdmin, kAllow, 0, kTcp, 80, 80, 1}};
  for (const RuleRow& row : rows) *policy.add_add_rules() = row.message();
  ASSERT_EQ(table.apply(policy, Epoch{1}), absl::OkStatus());
  const auto rule = [&] { return table.judge(Direction::kIngress, kSubject, kWeb, kTcp, 80).rule.value(); };
  const auto remove = [&](const RuleRow& row) {
    pb::Policy change;
    *change.add_remove_rules() = row.message();
    ASSERT_EQ(table.apply(change, Epoch{2}), absl::OkStatus());
  };
  EXPECT_EQ(rule(), 1u);
  remove(rows[3]);
  EXPECT_EQ(rule(), 2u);
  remove(rows[2]);
  EXPECT_EQ(rule(), 2u);
  remove(rows[1]);
  EXPECT_EQ(rule(), 4u);
  remove(rows[0]);
  EXPECT_EQ(rule(), 0u);
}

// 80-81 and 80-82 share the prefix 80/15 under one rule id: neither may be taken for the other.
TEST(PolicyTable, OverlappingRangesOfOneRuleId) {
  PolicyTable table;
  pb::Policy policy = world(true);
  *policy.add_add_rules() = RuleRow{5, kNetwork, kAllow, 0, kTcp, 80, 81}.message();
  *policy.add_add_rules() = RuleRow{5, kNetwork, kAllow, 0, kTcp, 80, 82}.message();
  ASSERT_EQ(table.apply(policy, Epoch{1}), absl::OkStatus());
  pb::Policy change;
  *change.add_remove_rules() = RuleRow{5, kNetwork, kAllow, 0, kTcp, 80, 82}.message();
  ASSERT_EQ(table.apply(change, Epoch{2}), absl::OkStatus());
  EXPECT_TRUE(table.judge(Direction::kIngress, kSubject, kWeb, kTcp, 81).allowed);
  EXPECT_FALSE(table.judge(Direction::kIngress, kSubject, kWeb, kTcp, 82).allowed);
  EXPECT_EQ(table.apply(change, Epoch{3}).code(), absl::StatusCode::kNotFound);
}

TEST(PolicyTable, ChangedSinceSparesTheOthers) {
  PolicyTable table;
  pb::Policy policy = world(true);
  add_selector(policy, 5, {}, {block("10.1.5.0/24")});
  *policy.add_add_rules() = RuleRow{6, kNetwork, kAllow, 1}.message();
  ASSERT_EQ(table.apply(policy, Epoch{1}), absl::OkStatus());
  const Peer near{kNoEndpoint, ip("10.1.5.9")};
  const auto changed = [&](const Peer& peer, uint32_t since) {
    return table.changed_since(Direction::kIngress, kSubject, peer, Epoch{since});
  };
  pb::Policy narrow;
  *narrow.add_add_rules() = RuleRow{5, kNetwork, kAllow, 5, kTcp, 80, 80}.message();
  ASSERT_EQ(table.apply(narrow, Epoch{2}), absl::OkStatus());
  EXPECT_TRUE(changed(near, 1));
  EXPECT_FALSE(changed(near, 2));
  EXPECT_FALSE(changed(kWeb, 1)) << "another /24";
  EXPECT_FALSE(table.changed_since(Direction::kEgress, kSubject, near, Epoch{1})) << "the other direction";

  pb::Policy labels;
  add_selector(labels, 1, {20, 21});
  ASSERT_EQ(table.apply(labels, Epoch{3}), absl::OkStatus());
  EXPECT_TRUE(changed({EndpointId{21}, ip("10.9.0.2")}, 2));
  EXPECT_FALSE(changed(kPod, 2)) << "was and is matched";

  pb::Policy blocks;
  add_selector(blocks, 5, {}, {block("10.1.5.0/24"), block("10.1.6.0/28")});
  ASSERT_EQ(table.apply(blocks, Epoch{3}), absl::OkStatus());
  EXPECT_TRUE(changed({kNoEndpoint, ip("10.1.6.1")}, 2));
  EXPECT_FALSE(changed(near, 2)) << "the block it had before";

  pb::Policy wide;
  *wide.add_add_rules() = RuleRow{7, kNetwork, kAllow, 2}.message();
  ASSERT_EQ(table.apply(wide, Epoch{4}), absl::OkStatus());
  EXPECT_TRUE(changed(kPod, 3)) << "wider than a /24: the whole class";

  pb::Policy replace = world(true);
  replace.set_replace(true);
  ASSERT_EQ(table.apply(replace, Epoch{5}), absl::OkStatus());
  EXPECT_TRUE(table.changed_since(Direction::kEgress, EndpointId{12345}, kPod, Epoch{4}));
}

// The new class may not be taken for the old one, whose place in memory it might get.
TEST(PolicyTable, SubjectMovesFromARemovedClassToANewOne) {
  PolicyTable table;
  ASSERT_EQ(table.apply(world(false), Epoch{1}), absl::OkStatus());
  pb::Policy change;
  change.add_remove_classes(1);
  add_class(change, 2, true, 98);
  add_subject(change, kSubject.value(), 2);
  ASSERT_EQ(table.apply(change, Epoch{2}), absl::OkStatus());
  EXPECT_EQ(table.judge(Direction::kIngress, kSubject, kWeb, kTcp, 80).rule, RuleId{98});
  EXPECT_TRUE(table.changed_since(Direction::kIngress, kSubject, kWeb, Epoch{1}));
  pb::Policy remove;
  remove.add_remove_classes(2);
  EXPECT_EQ(table.apply(remove, Epoch{3}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PolicyTable, AClassThatItsSubjectsLeftCanBeRemoved) {
  PolicyTable table;
  pb::Policy policy = world(false);
  add_class(policy, 2, true, 98);
  ASSERT_EQ(table.apply(policy, Epoch{1}), absl::OkStatus());
  pb::Policy move;
  add_subject(move, kSubject.value(), 2);
  ASSERT_EQ(table.apply(move, Epoch{2}), absl::OkStatus());
  pb::Policy remove;
  remove.add_remove_classes(1);
  EXPECT_EQ(table.apply(remove, Epoch{3}), absl::OkStatus());
}

}  // namespace
}  // namespace outrigger::policy::testing
