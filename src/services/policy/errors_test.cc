// What a change may not hold: refused with the entry's name, and the table as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "services/policy/make_policy.h"
#include "services/policy/table.h"

namespace outrigger::policy::testing {
namespace {

using absl::StatusCode;

constexpr EndpointId kSubject{7};
const RuleRow kRule{5, kNetwork, kAllow, 1, 6, 80, 80};

pb::Policy world() {
  pb::Policy policy;
  add_class(policy, 1, true, 99);
  add_subject(policy, kSubject.value(), 1);
  add_selector(policy, 1, {20});
  *policy.add_add_rules() = kRule.message();
  return policy;
}

struct Row {
  StatusCode code;
  const char* message;  // all of it
  std::function<void(pb::Policy&)> make;
};

std::function<void(pb::Policy&)> adding(RuleRow rule) {
  return [rule](pb::Policy& change) { *change.add_add_rules() = rule.message(); };
}
std::function<void(pb::Policy&)> selecting(pb::Block one) {
  return [one](pb::Policy& change) { add_selector(change, 3, {}, {one}); };
}
pb::Block raw_block(std::string address, uint32_t length) {
  pb::Block one;
  one.mutable_cidr()->set_address(std::move(address));
  one.mutable_cidr()->set_length(length);
  return one;
}
pb::Rule with(pb::Rule rule, void (pb::Rule::*set)(uint32_t), uint32_t value) {
  (rule.*set)(value);
  return rule;
}

std::vector<Row> rule_rows() {
  const auto bad = StatusCode::kInvalidArgument;
  const auto none = StatusCode::kNotFound;
  return {
      {none, "rule 7: class 12 does not exist",
       [](auto& p) {
         *p.add_add_rules() = with(kRule.message(), &pb::Rule::set_class_, 12);
         p.mutable_add_rules(0)->set_id(7);
       }},
      {none, "rule 7: selector 12 does not exist", adding({7, kNetwork, kAllow, 12})},
      {bad, "rule 0: ids begin at 1", adding({0, kNetwork, kAllow})},
      {bad, "rule 7: rank 16777216 is not below 16777216", adding({7, kAdmin, kAllow, 0, 0, 0, 0, 1u << 24})},
      {bad, "rule 7: ports 81-80 are reversed", adding({7, kNetwork, kAllow, 0, 6, 81, 80})},
      {bad, "rule 7: port 65536 is above 65535", adding({7, kNetwork, kAllow, 0, 6, 80, 65536})},
      {bad, "rule 7: protocol 256 is above 255", adding({7, kNetwork, kAllow, 0, 256})},
      {bad, "rule 7: tier NETWORK has no action DENY", adding({7, kNetwork, kDeny})},
      {bad, "rule 7: tier BASELINE has no action PASS", adding({7, kBaseline, kPass})},
      {bad, "rule 7: tier 3", adding({7, static_cast<pb::Rule::Tier>(3), kAllow})},
      {bad, "rule 7: action 3", adding({7, kAdmin, static_cast<pb::Rule::Action>(3)})},
      {bad, "rule 7: direction 2",
       adding({7, kAdmin, kAllow, 0, 0, 0, 0, 0, static_cast<pb::Rule::Direction>(2)})},
      {none, "rule 5: does not exist, cannot be removed",
       [](auto& p) { *p.add_remove_rules() = with(kRule.message(), &pb::Rule::set_last_port, 81); }},
      {none, "rule 5: does not exist, cannot be removed",
       [](auto& p) { *p.add_remove_rules() = with(kRule.message(), &pb::Rule::set_class_, 3); }},
      {none, "rule 5: does not exist, cannot be removed",
       [](auto& p) {
         for (int twice = 0; twice < 2; ++twice) *p.add_remove_rules() = kRule.message();
       }},
      {none, "rule 5: does not exist, cannot be removed",
       [](auto& p) {
         p.set_replace(true);
         *p.add_remove_rules() = kRule.message();
       }},
  };
}

std::vector<Row> class_rows() {
  const auto bad = StatusCode::kInvalidArgument;
  const auto none = StatusCode::kNotFound;
  const auto used = StatusCode::kFailedPrecondition;
  return {
      {bad, "class 0: ids begin at 1", [](auto& p) { add_class(p, 0, true); }},
      {bad, "class 2: named twice",
       [](auto& p) {
         add_class(p, 2, true);
         add_class(p, 2, true);
       }},
      {bad, "class 1: named twice",
       [](auto& p) {
         p.add_remove_classes(1);
         p.add_remove_classes(1);
       }},
      {none, "class 2: does not exist, cannot be removed", [](auto& p) { p.add_remove_classes(2); }},
      {used, "class 1: still has 1 rules and 1 subjects, cannot be removed",
       [](auto& p) { p.add_remove_classes(1); }},
      {used, "class 1: still has 0 rules and 1 subjects, cannot be removed",
       [](auto& p) {
         p.add_remove_classes(1);
         *p.add_remove_rules() = kRule.message();
       }},
      {used, "class 1: still has 1 rules and 0 subjects, cannot be removed",
       [](auto& p) {
         p.add_remove_classes(1);
         p.add_remove_subjects(7);
       }},
      {none, "rule 7: class 1 does not exist",
       [](auto& p) {
         p.add_remove_classes(1);
         p.add_remove_subjects(7);
         *p.add_remove_rules() = kRule.message();
         *p.add_add_rules() = RuleRow{7, kAdmin, kDeny}.message();
       }},
      {none, "subject 8: class 2 does not exist", [](auto& p) { add_subject(p, 8, 2); }},
      {none, "subject 8: class 1 does not exist",
       [](auto& p) {
         p.set_replace(true);
         add_subject(p, 8, 1);
       }},
      {none, "subject 8: does not exist, cannot be removed", [](auto& p) { p.add_remove_subjects(8); }},
      {bad, "subject 8: named twice",
       [](auto& p) {
         add_subject(p, 8, 1);
         add_subject(p, 8, 1);
       }},
      {bad, "subject 7: named twice",
       [](auto& p) {
         p.add_remove_subjects(7);
         p.add_remove_subjects(7);
       }},
      {bad, "subject 4294967295: is no endpoint", [](auto& p) { add_subject(p, 0xffffffff, 1); }},
  };
}

std::vector<Row> selector_rows() {
  const auto bad = StatusCode::kInvalidArgument;
  const auto none = StatusCode::kNotFound;
  return {
      {bad, "selector 0: matches every address and cannot be set", [](auto& p) { add_selector(p, 0, {}); }},
      {bad, "selector 3: named twice",
       [](auto& p) {
         add_selector(p, 3, {});
         add_selector(p, 3, {});
       }},
      {bad, "selector 1: named twice",
       [](auto& p) {
         p.add_remove_selectors(1);
         p.add_remove_selectors(1);
       }},
      {bad, "selector 3: 4294967295 is no endpoint", [](auto& p) { add_selector(p, 3, {0xffffffff}); }},
      {bad, "selector 3: an address of 4 bytes, not 16", selecting(raw_block("1234", 128))},
      {bad, "selector 3: an address of 17 bytes, not 16", selecting(raw_block(std::string(17, 'x'), 128))},
      {bad, "selector 3: prefix length 129 is above 128", selecting(raw_block(ip("fd00::").bytes(), 129))},
      {bad, "selector 3: prefix 10.0.0.1 has bits beyond its length 120",
       selecting(raw_block(ip("10.0.0.1").bytes(), 120))},
      {bad, "selector 3: prefix fd00::1 has bits beyond its length 64",
       [](auto& p) {
         pb::Block one = block("fd00::/16");
         *one.add_except() = raw_block(ip("fd00::1").bytes(), 64).cidr();
         add_selector(p, 3, {}, {one});
       }},
      {none, "selector 2: does not exist, cannot be removed", [](auto& p) { p.add_remove_selectors(2); }},
      {StatusCode::kFailedPrecondition, "selector 1: still named by 1 rules, cannot be removed",
       [](auto& p) { p.add_remove_selectors(1); }},
      {none, "rule 7: selector 1 does not exist",
       [](auto& p) {
         p.add_remove_selectors(1);
         *p.add_remove_rules() = kRule.message();
         *p.add_add_rules() = RuleRow{7, kAdmin, kDeny, 1}.message();
       }},
  };
}

class PolicyErrors : public ::testing::TestWithParam<Row> {};

// Each bad change that leaves class 1 there also holds a good part, which would let everybody in.
TEST_P(PolicyErrors, NamedAndNothingChanged) {
  PolicyTable table;
  ASSERT_EQ(table.apply(world(), Epoch{1}), absl::OkStatus());
  pb::Policy change;
  GetParam().make(change);
  if (!change.replace() && change.remove_classes().empty())
    *change.add_add_rules() = RuleRow{50, kAdmin, kAllow}.message();
  const absl::Status status = table.apply(change, Epoch{2});
  EXPECT_EQ(status.code(), GetParam().code);
  EXPECT_EQ(std::string(status.message()), GetParam().message);

  const Peer stranger{kNoEndpoint, ip("10.9.0.9")};
  EXPECT_EQ(table.judge(Direction::kIngress, kSubject, stranger, 6, 80).rule, RuleId{99});
  EXPECT_EQ(table.judge(Direction::kIngress, kSubject, {EndpointId{20}, ip("10.9.0.9")}, 6, 80).rule,
            RuleId{5});
  EXPECT_FALSE(table.changed_since(Direction::kIngress, kSubject, stranger, Epoch{1}));
}

void PrintTo(const Row& row, std::ostream* out) { *out << row.message; }
INSTANTIATE_TEST_SUITE_P(Rules, PolicyErrors, ::testing::ValuesIn(rule_rows()));
INSTANTIATE_TEST_SUITE_P(Classes, PolicyErrors, ::testing::ValuesIn(class_rows()));
INSTANTIATE_TEST_SUITE_P(Selectors, PolicyErrors, ::testing::ValuesIn(selector_rows()));

Capacity figure(const PolicyTable& table, const std::string& name) {
  for (const Capacity& one : table.capacity()) {
    if (one.name == name) return one;
  }
  ADD_FAILURE() << "no capacity named " << name;
  return {};
}

TEST(PolicyCapacity, CountsUseHighWaterAndRefusals) {
  PolicyTable table(Limits{.rules = 3});
  ASSERT_EQ(table.apply(world(), Epoch{1}), absl::OkStatus());
  pb::Policy more;
  *more.add_add_rules() = RuleRow{6, kNetwork, kAllow, 0, 6, 80, 82}.message();
  ASSERT_EQ(table.apply(more, Epoch{2}), absl::OkStatus());
  EXPECT_EQ(figure(table, "policy port prefixes").used, 3u) << "80, and 80-82 as two";
  *more.add_add_rules() = RuleRow{7, kNetwork, kAllow}.message();
  const absl::Status refused = table.apply(more, Epoch{3});
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(refused.message()), "policy rules: 4 are more than 3");
  pb::Policy less;
  *less.add_remove_rules() = kRule.message();
  ASSERT_EQ(table.apply(less, Epoch{4}), absl::OkStatus());

  const Capacity rules = figure(table, "policy rules");
  EXPECT_EQ(rules.size, 3u);
  EXPECT_EQ(rules.used, 1u);
  EXPECT_EQ(rules.high_water, 2u);
  EXPECT_EQ(rules.refused, 1u);
  EXPECT_GT(rules.bytes, 0u);
  EXPECT_EQ(figure(table, "policy classes").used, 1u);
  EXPECT_EQ(figure(table, "policy subjects").used, 1u);
  EXPECT_EQ(figure(table, "policy selectors").used, 1u);
  EXPECT_EQ(figure(table, "policy blocks").used, 0u);
}

}  // namespace
}  // namespace outrigger::policy::testing
