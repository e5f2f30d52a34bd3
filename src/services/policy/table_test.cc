// Judgements by rows, written as the semantics of update.proto are told.
#include "services/policy/table.h"

#include <gtest/gtest.h>

#include "services/policy/make_policy.h"

namespace outrigger::policy::testing {
namespace {

constexpr EndpointId kSubject{7};
constexpr uint32_t kTcp = 6, kUdp = 17, kIcmp = 1;

// Endpoint 7 is judged by class 1.  Selector 1 names endpoint 20; 2 is 10.1.0.0/16 but for 10.1.2.0/24; 3 is
// two blocks of which the second gives back what the first excepts.
pb::Policy world(bool isolated) {
  pb::Policy policy;
  add_class(policy, 1, isolated, 99);
  add_subject(policy, kSubject.value(), 1);
  add_selector(policy, 1, {20});
  add_selector(policy, 2, {}, {block("10.1.0.0/16", {"10.1.2.0/24"})});
  add_selector(policy, 3, {}, {block("10.1.0.0/16", {"10.1.2.0/24"}), block("10.1.2.0/28", {"10.1.2.3"})});
  add_selector(policy, 4, {}, {block("::/0")});
  add_selector(policy, 6, {}, {block("10.0.0.0/8", {"::/0", "10.0.0.0/25"})});
  return policy;
}

struct Row {
  const char* what;
  bool isolated;
  std::vector<RuleRow> rules;
  Peer peer;
  uint32_t protocol;
  uint16_t port;
  bool allowed;
  uint32_t rule;
};

const Peer kPod{EndpointId{20}, ip("10.9.0.1")};
const Peer kWeb{kNoEndpoint, ip("10.1.1.1")};

std::vector<Row> tier_rows() {
  return {
      {"no rule, not isolated", false, {}, kWeb, kTcp, 80, true, 0},
      {"no rule, isolated", true, {}, kWeb, kTcp, 80, false, 99},
      {"network allows", true, {{5, kNetwork, kAllow, 2, kTcp, 80, 80}}, kWeb, kTcp, 80, true, 5},
      {"network, another port", true, {{5, kNetwork, kAllow, 2, kTcp, 80, 80}}, kWeb, kTcp, 81, false, 99},
      {"network, another protocol",
       true,
       {{5, kNetwork, kAllow, 2, kTcp, 80, 80}},
       kWeb,
       kUdp,
       80,
       false,
       99},
      {"network, another direction",
       true,
       {{5, kNetwork, kAllow, 0, 0, 0, 0, 0, pb::Rule::EGRESS}},
       kWeb,
       kTcp,
       80,
       false,
       99},
      {"network is not asked unless isolated",
       false,
       {{5, kNetwork, kAllow, 0}, {6, kBaseline, kDeny, 0}},
       kWeb,
       kTcp,
       80,
       false,
       6},
      {"baseline is not asked when isolated",
       true,
       {{5, kNetwork, kAllow, 0}, {6, kBaseline, kDeny, 0}},
       kWeb,
       kTcp,
       80,
       true,
       5},
      {"baseline allows before it denies",
       false,
       {{6, kBaseline, kDeny, 0, 0, 0, 0, 2}, {7, kBaseline, kAllow, 2, 0, 0, 0, 1}},
       kWeb,
       kTcp,
       80,
       true,
       7},
      {"admin denies before network",
       true,
       {{4, kAdmin, kDeny, 0}, {5, kNetwork, kAllow, 0}},
       kWeb,
       kTcp,
       80,
       false,
       4},
      {"admin allows before isolation", true, {{4, kAdmin, kAllow, 0}}, kWeb, kTcp, 80, true, 4},
      {"admin, smaller rank first",
       true,
       {{4, kAdmin, kDeny, 0, 0, 0, 0, 9}, {3, kAdmin, kAllow, 2, kTcp, 80, 80, 8}},
       kWeb,
       kTcp,
       80,
       true,
       3},
      {"admin passes to network",
       true,
       {{4, kAdmin, kDeny, 0, 0, 0, 0, 9}, {3, kAdmin, kPass, 2, 0, 0, 0, 8}, {5, kNetwork, kAllow, 2}},
       kWeb,
       kTcp,
       80,
       true,
       5},
      {"admin passes to isolation", true, {{3, kAdmin, kPass, 2}}, kWeb, kTcp, 80, false, 99},
      {"admin passes to baseline",
       false,
       {{3, kAdmin, kPass, 2}, {6, kBaseline, kDeny, 0}},
       kWeb,
       kTcp,
       80,
       false,
       6},
      {"equal ranks: deny beats allow",
       false,
       {{3, kAdmin, kAllow, 0}, {4, kAdmin, kDeny, 2}},
       kWeb,
       kTcp,
       80,
       false,
       4},
      {"equal ranks: pass beats allow",
       false,
       {{3, kAdmin, kAllow, 0}, {4, kAdmin, kPass, 2}},
       kWeb,
       kTcp,
       80,
       true,
       0},
      {"equal ranks: deny beats pass",
       false,
       {{3, kAdmin, kPass, 0}, {4, kAdmin, kDeny, 2}},
       kWeb,
       kTcp,
       80,
       false,
       4},
      {"equal all: smaller id",
       true,
       {{9, kNetwork, kAllow, 0}, {8, kNetwork, kAllow, 2}},
       kWeb,
       kTcp,
       80,
       true,
       8},
  };
}

std::vector<Row> peer_rows() {
  const std::vector<RuleRow> by_label = {{5, kNetwork, kAllow, 1}};
  const std::vector<RuleRow> by_block = {{5, kNetwork, kAllow, 2}};
  const std::vector<RuleRow> two_blocks = {{5, kNetwork, kAllow, 3}};
  const std::vector<RuleRow> all_v6 = {{5, kNetwork, kAllow, 4}};
  const auto at = [](const char* address) { return Peer{kNoEndpoint, ip(address)}; };
  return {
      {"selector 0 matches all", true, {{5, kNetwork, kAllow, 0}}, at("2001:db8::1"), kTcp, 1, true, 5},
      {"label", true, by_label, kPod, kTcp, 80, true, 5},
      {"label of another", true, by_label, {EndpointId{21}, ip("10.9.0.1")}, kTcp, 80, false, 99},
      {"label, an address behind it", true, by_label, at("10.9.0.1"), kTcp, 80, false, 99},
      {"block", true, by_block, at("10.1.255.255"), kTcp, 80, true, 5},
      {"block holds endpoints' addresses",
       true,
       by_block,
       {EndpointId{21}, ip("10.1.0.1")},
       kTcp,
       80,
       true,
       5},
      {"beside the block", true, by_block, at("10.2.0.0"), kTcp, 80, false, 99},
      {"except, first", true, by_block, at("10.1.2.0"), kTcp, 80, false, 99},
      {"except, last", true, by_block, at("10.1.2.255"), kTcp, 80, false, 99},
      {"after the except", true, by_block, at("10.1.3.0"), kTcp, 80, true, 5},
      {"except of one block, given by another", true, two_blocks, at("10.1.2.1"), kTcp, 80, true, 5},
      {"except of both blocks", true, two_blocks, at("10.1.2.3"), kTcp, 80, false, 99},
      {"except of one, beyond the other", true, two_blocks, at("10.1.2.16"), kTcp, 80, false, 99},
      {"an except of ::/0 is IPv6's", true, {{5, kNetwork, kAllow, 6}}, at("10.0.1.1"), kTcp, 80, true, 5},
      {"beside an except of ::/0", true, {{5, kNetwork, kAllow, 6}}, at("10.0.0.1"), kTcp, 80, false, 99},
      {"::/0 is IPv6", true, all_v6, at("fd00::1"), kTcp, 80, true, 5},
      {"::/0 is not IPv4", true, all_v6, at("10.1.2.3"), kTcp, 80, false, 99},
  };
}

std::vector<Row> port_rows() {
  const std::vector<RuleRow> some = {{5, kNetwork, kAllow, 0, kTcp, 80, 82}};
  const std::vector<RuleRow> most = {{5, kNetwork, kAllow, 0, kTcp, 1, 65534}};
  const std::vector<RuleRow> all = {{5, kNetwork, kAllow, 0, kTcp, 0, 65535}};
  return {
      {"below the range", true, some, kWeb, kTcp, 79, false, 99},
      {"first", true, some, kWeb, kTcp, 80, true, 5},
      {"middle", true, some, kWeb, kTcp, 81, true, 5},
      {"last", true, some, kWeb, kTcp, 82, true, 5},
      {"above the range", true, some, kWeb, kTcp, 83, false, 99},
      {"30 prefixes, below", true, most, kWeb, kTcp, 0, false, 99},
      {"30 prefixes, first", true, most, kWeb, kTcp, 1, true, 5},
      {"30 prefixes, middle", true, most, kWeb, kTcp, 0x8000, true, 5},
      {"30 prefixes, last", true, most, kWeb, kTcp, 65534, true, 5},
      {"30 prefixes, above", true, most, kWeb, kTcp, 65535, false, 99},
      {"all ports", true, all, kWeb, kTcp, 65535, true, 5},
      {"any port of a protocol without", true, {{5, kNetwork, kAllow, 0, kIcmp}}, kWeb, kIcmp, 0, true, 5},
      {"any protocol, one port", true, {{5, kNetwork, kAllow, 0, 0, 53, 53}}, kWeb, kUdp, 53, true, 5},
      {"any protocol, another port", true, {{5, kNetwork, kAllow, 0, 0, 53, 53}}, kWeb, kIcmp, 0, false, 99},
  };
}

class PolicyRows : public ::testing::TestWithParam<Row> {};

TEST_P(PolicyRows, Judges) {
  const Row& row = GetParam();
  pb::Policy policy = world(row.isolated);
  for (const RuleRow& rule : row.rules) *policy.add_add_rules() = rule.message();
  PolicyTable table;
  ASSERT_EQ(table.apply(policy, Epoch{1}), absl::OkStatus());
  const auto answer =
      table.judge(Direction::kIngress, kSubject, row.peer, static_cast<uint8_t>(row.protocol), row.port);
  EXPECT_TRUE(answer.judged);
  EXPECT_EQ(answer.allowed, row.allowed) << row.what;
  EXPECT_EQ(answer.rule.value(), row.rule) << row.what;
}

void PrintTo(const Row& row, std::ostream* out) { *out << row.what; }
INSTANTIATE_TEST_SUITE_P(Tiers, PolicyRows, ::testing::ValuesIn(tier_rows()));
INSTANTIATE_TEST_SUITE_P(Peers, PolicyRows, ::testing::ValuesIn(peer_rows()));
INSTANTIATE_TEST_SUITE_P(Ports, PolicyRows, ::testing::ValuesIn(port_rows()));

TEST(PolicyTable, SubjectWithoutClassIsAllowed) {
  PolicyTable table;
  const auto answer = table.judge(Direction::kEgress, kSubject, kWeb, kTcp, 80);
  EXPECT_TRUE(answer.judged && answer.allowed);
  EXPECT_EQ(answer.rule, kNoRule);
}

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
