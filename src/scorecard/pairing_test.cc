// Bad input: an error that names the files, or a limit that is stated; never a figure that looks fine.
#include "scorecard/pairing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "scorecard/fixture.h"

namespace outrigger::scorecard {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Input fine() {
  return two_sides(run_of({.windows = 20}), run_of({.label = "after", .seed = 2, .windows = 20}));
}

struct Bad {
  const char* name;
  std::function<void(Input&)> damage;
  std::vector<std::string> says;
};

class Refused : public ::testing::TestWithParam<Bad> {};

TEST_P(Refused, WithWhatIsWrongAndWhere) {
  Input input = fine();
  ASSERT_TRUE(pair_up(input).ok());
  GetParam().damage(input);
  const auto card = make(input, {.rounds = 20});
  ASSERT_FALSE(card.ok());
  EXPECT_EQ(card.status().code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& part : GetParam().says)
    EXPECT_THAT(std::string(card.status().message()), HasSubstr(part));
}

measure::Measurement& after(Input& input) { return input.after[0]; }
measure::Window& third(Input& input) { return input.after[0].windows[2]; }
std::vector<std::string> both_and(const std::string& more) { return {"before.jsonl", "after.jsonl", more}; }

INSTANTIATE_TEST_SUITE_P(
    BadInput, Refused,
    ::testing::Values(
        Bad{"machine", [](Input& in) { after(in).machine.machine_id = "2", after(in).machine.host = "web-2"; }, both_and("web-2")},
        Bad{"kernel", [](Input& in) { after(in).machine.kernel = "6.6.0"; }, both_and("kernel \"6.1.0-18\" and \"6.6.0\"")},
        Bad{"cpu", [](Input& in) { after(in).machine.cpu_model = "another"; }, both_and("another")},
        Bad{"cpus", [](Input& in) { after(in).machine.cpus = 4; }, both_and("number of CPUs")},
        Bad{"memory", [](Input& in) { after(in).machine.memory *= 2; }, both_and("memory")},
        Bad{"rate", [](Input& in) { after(in).work.rate = 7; }, both_and("7 requests a second")},
        Bad{"target", [](Input& in) { after(in).work.target = "10.9.9.9:1"; }, both_and("10.9.9.9:1")},
        Bad{"budget", [](Input& in) { after(in).work.budget_ms = 9; }, both_and("budget")},
        Bad{"swapped", [](Input& in) { std::swap(in.before, in.after); }, {"before.jsonl", "labelled \"after\""}},
        Bad{"one_label", [](Input& in) { in.before[0].label = in.after[0].label = "x"; }, both_and("labelled \"x\"")},
        Bad{"twice", [](Input& in) { after(in).hash = in.before[0].hash; }, both_and("the same run twice")},
        Bad{"no_windows", [](Input& in) { after(in).windows.clear(); }, {"after.jsonl", "no windows"}},
        Bad{"nobody", [](Input& in) { in.before.clear(); }, {"no run before"}},
        Bad{"length", [](Input& in) { for (auto& w : after(in).windows) w.start_ms *= 5, w.length_ms = 5000; }, both_and("windows of")},
        Bad{"order", [](Input& in) { third(in).start_ms = 0; }, {"after.jsonl", "window 3", "before the one before it ends"}},
        Bad{"nan_share", [](Input& in) { third(in).cpu[1].user = kNaN; }, {"after.jsonl", "window 3", "CPU 1"}},
        Bad{"zero_shares", [](Input& in) { third(in).cpu[0] = {}; }, {"after.jsonl", "window 3", "add up to 0"}},
        Bad{"minus", [](Input& in) { third(in).own_cpu = -1; }, {"after.jsonl", "window 3", "-1"}},
        Bad{"nan_wait", [](Input& in) { third(in).run_queue_wait[0] = kNaN; }, {"window 3", "run-queue wait"}},
        Bad{"infinite", [](Input& in) { third(in).pressure["cpu.some"] = INFINITY; }, {"window 3", "cpu.some"}},
        Bad{"hotplug",
            [](Input& in) {
              for (size_t i = 3; i < 9; ++i) after(in).windows[i].cpu.erase(1);
            },
            {"after.jsonl", "6 of 20 windows lack CPUs"}},
        Bad{"looked_at", [](Input& in) { for (auto& w : after(in).windows) w.cpu.erase(1); }, both_and("CPUs {0}")},
        Bad{"blind_gaps", [](Input& in) { third(in).spun = 0; }, {"window 3", "nobody looked"}},
        Bad{"invented", [](Input& in) { third(in).latency.add(1000, 999); }, {"after.jsonl", "2999 requests answered"}},
        Bad{"unsent", [](Input& in) { for (auto& w : after(in).windows) w.sent = 0, w.latency = {}; }, {"after.jsonl", "no request was sent"}},
        Bad{"nan_weight", [](Input& in) { after(in).privileged = {{{"x", "policy", kNaN, ""}}}; }, {"after.jsonl", "weight"}},
        Bad{"nan_cost", [](Input& in) { after(in).cost.dpu_cpu = kNaN; }, {"after.jsonl", "DPU CPU"}},
        Bad{"nan_blackout", [](Input& in) { after(in).cost.blackout_ms = {kNaN}; }, {"after.jsonl", "blackout"}},
        Bad{"nan_incident", [](Input& in) { after(in).incidents = {{{.summary = "x", .at_s = kNaN}}}; }, {"after.jsonl", "incident"}},
        Bad{"no_pair", [](Input& in) { after(in).place = {"e", 4, 0}; in.before[0].place = {"e", 3, 0}; }, {"block 3", "\"e\"", "0 after"}}),
    [](const auto& test) { return test.param.name; });

TEST(Refused, WindowsThatAreAllEmpty) {
  Input input = fine();
  input.after[0].work = input.before[0].work = {};
  for (auto& window : input.after[0].windows) window = {.start_ms = window.start_ms, .length_ms = 1000};
  const auto paired = pair_up(input);
  ASSERT_FALSE(paired.ok());
  EXPECT_THAT(std::string(paired.status().message()), HasSubstr("after.jsonl: its windows are all empty"));
}

TEST(Refused, RunsOfOneSideThatDoNotAgreeWhereServicesAre) {
  Input input = fine();
  input.after.push_back(run_of({.label = "after", .seed = 3, .windows = 20}));
  input.after[1].placement["policy"] = "host";
  input.after_files.emplace_back("after-2.jsonl");
  const auto paired = pair_up(input);
  ASSERT_FALSE(paired.ok());
  EXPECT_THAT(std::string(paired.status().message()), HasSubstr("after-2.jsonl"));
}

std::vector<std::string> limits_after(const std::function<void(Input&)>& change) {
  Input input = fine();
  change(input);
  const auto paired = pair_up(input);
  EXPECT_TRUE(paired.ok()) << paired.status();
  return paired.ok() ? paired->limits : std::vector<std::string>{};
}

TEST(Limits, SayWhatTheFiguresDoNot) {
  EXPECT_THAT(
      limits_after([](Input& in) { third(in).clock_step_us = -3'600'000'000; }),
      Contains(HasSubstr(
          "after.jsonl: the wall clock was stepped in 1 windows, first by -3600000.0 ms in window 3")));
  EXPECT_THAT(limits_after([](Input& in) { after(in).windows.resize(10); }),
              Contains(HasSubstr("20 s before and 10 s after")));
  EXPECT_THAT(limits_after([](Input& in) { after(in).machine.boot_id = "2"; }),
              Contains(HasSubstr("was booted in between")));
  EXPECT_THAT(limits_after([](Input& in) { after(in).notes = {"the DPU is simulated"}; }),
              Contains("after: the DPU is simulated"));
  EXPECT_THAT(limits_after([](Input& in) { after(in).placement.clear(); }),
              Contains(HasSubstr("was not noted")));
  EXPECT_THAT(limits_after([](Input& in) { after(in).placement = in.before[0].placement; }),
              Contains(HasSubstr("A against A")));
  EXPECT_THAT(limits_after([](Input& in) { after(in).windows[19].length_ms = 100; }),
              Contains(HasSubstr("1 windows are left out")));
  EXPECT_THAT(limits_after([](Input& in) { third(in).cpu.erase(1); }),
              Contains(HasSubstr("1 windows are left out")));
  EXPECT_THAT(limits_after([](Input& in) { third(in).sent = 500; }),
              Contains(HasSubstr("400 neither answered nor failed")));
  EXPECT_THAT(limits_after([](Input&) {}), Contains(HasSubstr("one run a side")));
  EXPECT_THAT(limits_after([](Input&) {}), Not(Contains(HasSubstr("clock"))));
}

TEST(Pairing, FindsBlocksByTheirPlaceAndSaysWhenArmsDoNotTakeTurns) {
  const Shape shape{.windows = 10};
  const Input even = abba(shape, shape, 3, 0);
  const auto paired = pair_up(even);
  ASSERT_TRUE(paired.ok()) << paired.status();
  ASSERT_EQ(paired->blocks.size(), 3u);
  EXPECT_EQ(paired->blocks[1].before.size(), 2u);
  EXPECT_EQ(paired->blocks[1].after[0].measured->place.order, 1u);
  EXPECT_THAT(paired->limits, Not(Contains(HasSubstr("ABBA"))));
  Input uneven = even;
  for (auto& run : uneven.after) run.place.order += 2;
  EXPECT_THAT(pair_up(uneven)->limits, Contains(HasSubstr("ABBA")));
}

TEST(Pairing, TakesSeveralMachinesEachAgainstItself) {
  Input input = fine();
  for (auto* side : {&input.before, &input.after}) {
    side->push_back((*side)[0]);
    side->back().machine.machine_id = "machine-2", side->back().machine.host = "web-2";
    side->back().machine.kernel = "5.10", side->back().hash += "-2";
  }
  input.before_files.emplace_back("before-2.jsonl"), input.after_files.emplace_back("after-2.jsonl");
  EXPECT_EQ(pair_up(input)->blocks.size(), 2u);
  input.after.pop_back();
  EXPECT_THAT(std::string(pair_up(input).status().message()), HasSubstr("\"web-2\" was measured before"));
}

}  // namespace
}  // namespace outrigger::scorecard
