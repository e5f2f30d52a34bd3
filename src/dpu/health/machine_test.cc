#include "dpu/health/machine.h"

#include <gtest/gtest.h>

namespace outrigger::agent {
namespace {

// One letter a result, 100 ms apart: p pass, t trouble, f fail, n nothing, '.' no result (time alone), '_' 10
// s of calm passes.  States afterwards: s starting, r ready, d degraded, f failed, u unknown.
std::string states(const std::string& results, HealthRules rules = {}) {
  rules.silence = absl::Milliseconds(350);
  absl::Time now = absl::FromUnixSeconds(1000);
  HealthMachine machine(rules, now);
  std::string out;
  for (const char c : results) {
    now += absl::Milliseconds(100);
    if (c == 'p') machine.note(ProbeOutcome::kPass, now);
    if (c == 't') machine.note(ProbeOutcome::kTrouble, now);
    if (c == 'f') machine.note(ProbeOutcome::kFail, now);
    if (c == 'n') machine.note(ProbeOutcome::kNothing, now);
    if (c == '_') {
      for (int i = 0; i < 100; ++i) machine.note(ProbeOutcome::kPass, now += absl::Milliseconds(100));
    }
    machine.tick(now);
    constexpr char kLetters[] = "usrdf";
    out.push_back(kLetters[static_cast<size_t>(machine.state())]);
  }
  return out;
}

struct Row {
  const char *what, *results, *states;
};

TEST(HealthMachine, Rows) {
  const Row rows[] = {
      {"success must last", "ppppp", "ssrrr"},
      {"a failure begins the count anew", "ppfppp", "sssssr"},
      {"one failure is no outage", "pppfp", "ssrrr"},
      {"two are none", "pppffp", "ssrrrr"},
      {"three are", "pppfff", "ssrrrf"},
      {"failing from the start", "fff", "ssf"},
      {"back after sustained success only", "pppfffppp", "ssrrrfffr"},
      {"trouble out of ready takes as long as failure", "pppttt", "ssrrrd"},
      {"trouble from the start", "ttt", "ssd"},
      {"trouble is better than failure", "fffttt", "ssfffd"},
      {"trouble goes away",
       "pppttt"
       "ppp",
       "ssrrrd"
       "ddr"},
      {"nothing to probe is unknown at once", "pppn", "ssru"},
      {"and never ready", "nnnnnn", "uuuuuu"},
      {"success after it must last too", "nnppp", "uuuur"},
      {"silence is unknown", "ppp....", "ssrrrru"},
      {"silence before any result", "....", "sssu"},
      {"after silence success counts from nothing", "pp....ppp", "sssssuuur"},
      {"a failure in between the silence", "ppp....fff", "ssrrrruuuf"},
      {"alternating results earn nothing", "pfpfpfpf", "ssssssss"},
  };
  for (const Row& row : rows) EXPECT_EQ(states(row.results), row.states) << row.what;
}

TEST(HealthMachine, HowLongIsTheContracts) {
  HealthRules rules;
  rules.ready_after = 1;
  rules.fail_after = 2;
  EXPECT_EQ(states("pffp", rules), "rrfr");
}

TEST(HealthMachine, AfterTooManyChangesCalmIsHeldBack) {
  HealthRules rules;
  rules.ready_after = 1;
  rules.fail_after = 1;
  rules.flaps_allowed = 2;
  rules.flap_window = absl::Seconds(5);
  // The third time it leaves ready inside five seconds is one too many.
  EXPECT_EQ(states("pfpfpfppp_", rules), "rfrfrfdddr");
  // A failure while it is held back begins the calm anew, and is a failure.
  EXPECT_EQ(states("pfpfpfppfp", rules), "rfrfrfddfd");
  // As many changes further apart are none too many.
  EXPECT_EQ(states("pf_pf_pf_p", rules), "rfrrfrrfrr");
}

TEST(HealthMachine, SaysWhenTheRunBegan) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  HealthMachine machine({}, start);
  for (int i = 1; i <= 3; ++i) machine.note(ProbeOutcome::kPass, start + absl::Seconds(i));
  for (int i = 4; i <= 6; ++i) machine.note(ProbeOutcome::kFail, start + absl::Seconds(i));
  EXPECT_EQ(machine.state(), Health::kFailed);
  EXPECT_EQ(machine.run_began(), start + absl::Seconds(4));
  EXPECT_EQ(machine.flaps(), 1u);
}

}  // namespace
}  // namespace outrigger::agent
