// Judgements by rows, written as the semantics of update.proto are told.
#include "services/policy/table.h"

#include <gtest/gtest.h>

#include "services/policy/small_world.h"

namespace outrigger::policy::testing {
namespace {

constexpr uint32_t kUdp = 17, kIcmp = 1;

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

}  // namespace
}  // namespace outrigger::policy::testing
