// The three forms of a scorecard, with names in it that would like to be more than names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "scorecard/fixture.h"
#include "scorecard/page_data.h"

namespace outrigger::scorecard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHostile = "</script><script>alert(1)</script>\x1b]0;x\x07";

Input hostile() {
  Input input = two_sides(run_of({}), run_of({.label = "after", .seed = 2, .latency_ms = 0.6}));
  for (auto* side : {&input.before, &input.after}) {
    measure::Measurement& run = (*side)[0];
    run.machine.host = run.work.target = run.started_at = kHostile;
    run.notes = {kHostile};
    run.placement[kHostile] = run.placement["policy"];
    run.privileged = {{kHostile, kHostile, 3, kHostile}};
    run.boundary = {{kHostile, false, kHostile}};
    run.incidents = {
        {{.domain = kHostile, .kind = kHostile, .summary = kHostile, .recover_s = 2, .at_s = 3}}};
  }
  input.before_files = input.after_files = {kHostile};
  return input;
}

TEST(Report, TextHasNoCommandsForTheTerminal) {
  const Input input = hostile();
  const std::string text = to_table(*make(input, {.rounds = 50}));
  EXPECT_THAT(text, HasSubstr("latency, p99"));
  EXPECT_THAT(text, HasSubstr("●"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
}

TEST(Report, JsonIsJsonAndNamesItsVerdict) {
  const Input input = hostile();
  const auto json = nlohmann::json::parse(to_json(*make(input, {.rounds = 50})));
  EXPECT_THAT((std::vector<std::string>{"pays", "does not pay", "inconclusive"}),
              ::testing::Contains(json["verdict"].get<std::string>()));
  EXPECT_EQ(json["sections"].size(), 6u);
  EXPECT_EQ(json["sections"][0]["figures"][0]["name"], "cpu.variance");
  EXPECT_TRUE(json["sections"][0]["figures"][0]["log_change"]["low"].is_number());
}

TEST(Report, PageLetsNoNameBecomeAScriptAndLoadsNothing) {
  const Input input = hostile();
  const std::string page = to_html(*make(input, {.rounds = 50}), input);
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  for (const char* reach :
       {" src=", "@import", "url(", "http://", "<link", "fetch(", "XMLHttpRequest", "style=\""})
    EXPECT_EQ(page.find(reach), std::string::npos) << reach;
}

TEST(Report, CurvesAreOfTheSameDataAsTheFigures) {
  const Input input = hostile();
  const auto paired = pair_up(input);
  ASSERT_TRUE(paired.ok());
  const PageData data = page_data(paired->blocks);
  ASSERT_FALSE(data.latency.x.empty());
  const auto card = make(input, {.rounds = 50});
  const double p99 = *figure_of(*card, "latency.p99")->before;
  for (size_t i = 0; i < data.latency.x.size(); ++i) {
    const double at = data.latency.x[i], share = data.latency.before[i].value_or(0.5);
    if (at < p99 * 0.98) {
      EXPECT_LE(share, 0.991) << at;
    } else if (at > p99 * 1.02 && data.latency.before[i]) {
      EXPECT_GE(share, 0.989) << at;
    }
  }
  EXPECT_EQ(data.p99.x.size(), 60u);
  EXPECT_EQ(data.deviation.x.size(), 2u);
  EXPECT_EQ(data.privilege.names.size(), 1u);
  EXPECT_EQ(data.incidents.size(), 2u);
  EXPECT_TRUE(nlohmann::json::accept(to_script_json(data, *card)));
}

}  // namespace
}  // namespace outrigger::scorecard
