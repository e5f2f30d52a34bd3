#include "measure/boundary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/happened.h"

namespace outrigger::measure {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kOne[] = R"({"name": "spoofed-mac", "held": true, "evidence": "0 of 10 arrived"})";

std::string error_of(const std::string& text) {
  const auto tests = parse_boundary(text, "b.json");
  return tests.ok() ? "" : std::string(tests.status().message());
}

std::string list_of(const std::string& tests) { return "[" + tests + "]"; }

TEST(Boundary, IsReadAsTheAuditPrintsIt) {
  const auto tests = parse_boundary(
      R"([{"name": "a", "held": true, "evidence": "x"}, {"name": "b", "held": false, "evidence": ""}])",
      "b.json");
  ASSERT_TRUE(tests.ok()) << tests.status();
  ASSERT_EQ(tests->size(), 2u);
  EXPECT_EQ(tests->at(0).name, "a");
  EXPECT_TRUE(tests->at(0).held);
  EXPECT_EQ(tests->at(0).evidence, "x");
  EXPECT_FALSE(tests->at(1).held);
}

TEST(Boundary, AnythingElseIsRefusedWithTheWayOut) {
  struct Bad {
    std::string text, says;
  };
  const Bad all[] = {{"", "empty"},
                     {" \n", "empty"},
                     {"TEST  OUTCOME", "no JSON"},
                     {R"([{"name": "a")", "no JSON, or cut off"},
                     {R"({"tests": []})", "no list"},
                     {list_of(R"({"name": "a", "outcome": "held"})"), "-o json"},
                     {list_of("1"), "test 1"},
                     {list_of(R"({"name": "a", "held": "yes", "evidence": ""})"), "true or false"},
                     {list_of(R"({"name": "a", "held": true})"), "evidence"},
                     {list_of(R"({"name": "a", "held": true, "evidence": "", "more": 1})"), "\"more\""},
                     {list_of(R"({"name": "", "held": true, "evidence": ""})"), "without a name"},
                     {list_of(std::string(kOne) + "," + kOne), "\"spoofed-mac\" stands there twice"}};
  for (const Bad& bad : all)
    EXPECT_THAT(error_of(bad.text),
                AllOf(HasSubstr("b.json: "), HasSubstr(bad.says), HasSubstr("-o measurement > b.json")))
        << bad.text;
  EXPECT_THAT(error_of("[]"), HasSubstr("no test could be tried"));
  EXPECT_EQ(error_of(list_of(kOne)), "");
}

TEST(Boundary, AFileThatCannotBeReadIsNamed) {
  EXPECT_THAT(std::string(read_boundary("/nowhere/b.json").status().message()), HasSubstr("/nowhere/b.json"));
  EXPECT_THAT(std::string(read_boundary("/").status().message()), HasSubstr("/"));
}

TEST(Happened, IsAddedToWhatIsThere) {
  Measurement run;
  run.cost.blackout_ms = {1};
  add({}, run);
  ASSERT_TRUE(run.incidents.has_value()) << "asked, and none happened";
  add({.incidents = {{.domain = "dpu"}}, .blackout_ms = {2}, .notes = {"n"}}, run);
  EXPECT_EQ(run.incidents->size(), 1u);
  EXPECT_EQ(run.cost.blackout_ms, (std::vector<double>{1, 2}));
  EXPECT_EQ(run.notes, std::vector<std::string>{"n"});
}

}  // namespace
}  // namespace outrigger::measure
