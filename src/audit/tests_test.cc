#include <gtest/gtest.h>

#include <set>

#include "audit/audit.h"

namespace outrigger::audit {
namespace {

TEST(Tests, EachIsNamedOnceAndSaysWhatItIsHeldTo) {
  std::set<std::string_view> names;
  for (const audit::Test& one : tests()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_FALSE(one.tried.empty() || one.expected.empty()) << one.name;
    EXPECT_NE(one.run, nullptr) << one.name;
  }
  EXPECT_GE(names.size(), 30u);
}

// Whoever is told nothing holds nothing.
TEST(Tests, AnAuditThatKnowsNothingCallsNothingHeld) {
  std::set<std::string> of_the_data_path;
  for (const audit::Test& one : tests()) {
    if (one.name.starts_with("spoofed") || one.name.starts_with("link") || one.disturbs)
      of_the_data_path.insert(std::string(one.name));
  }
  const auto findings = run({}, of_the_data_path, [](const Finding&) {});
  EXPECT_EQ(findings.size(), of_the_data_path.size());
  for (const Finding& one : findings) {
    EXPECT_EQ(one.verdict.outcome, Outcome::kNotTried) << one.name << ": " << one.verdict.evidence;
    EXPECT_FALSE(one.verdict.evidence.empty()) << one.name;
  }
}

TEST(Tests, GentleLeavesOutWhatDisturbs) {
  const auto findings = run({.gentle = true}, {"agent-killed"}, [](const Finding&) {});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].verdict.evidence, "it disturbs, and --gentle was said");
}

}  // namespace
}  // namespace outrigger::audit
