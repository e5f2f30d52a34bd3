// Did the offload pay?  One experiment answers: the same application, guests, policies and requests, carried
// by the host's own kernel and by the DPU, in turns (ABBA blocks), each turn measured into a file, and a
// scorecard made of all.
//
// Theory of operation.  A lab is made for it and removed after it, also when it is interrupted.  Node `a` has
// a DPU and a host: an order to its fallback puts the one or the other way in force.  The application runs on
// the host's CPU, where also the kernel's work for it is done; the DPU's processes run on the other, which
// the load generator shares.  Not thread-safe; needs root.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lab/lab.h"
#include "scenario/arm.h"
#include "scenario/kinds.h"
#include "scorecard/scorecard.h"

namespace outrigger::scenario {

struct Options {
  std::string scenario;                       // a name of kinds.h
  absl::Duration length = absl::Seconds(30);  // of a turn
  absl::Duration settle = absl::Seconds(3);   // before it
  absl::Duration window = absl::Seconds(1);
  unsigned blocks = 4;                            // of four turns
  unsigned rules = 5000;                          // in all policies
  absl::Duration agent_every = absl::Seconds(3);  // the host's policy agent applies them again
  double rate = 0, budget_ms = 0;                 // 0: the scenario's own
  std::string out;                                // folder for what is measured
  std::string daemon = "outriggerd";              // path of the program
  lab::Mode mode = lab::Mode::kAuto;
  // A turn in which the hypervisor took more of the host's CPU says little of either arm: it is made again.
  double steal_limit = 0.05;
  bool audit = true;  // try the isolation boundary in each arm, before the turns
};

// The folder that `outrigger scorecard` takes for both of its sides.
std::string measurements_of(const Options& options);
// The folder of the turns that were made again.
std::string disturbed_of(const Options& options);

struct Result {
  scorecard::Scorecard card;
  std::vector<std::string> files;  // measurements, in order
};

// InvalidArgument or FailedPrecondition before anything is made; Cancelled after Ctrl-C.
absl::StatusOr<Result> run(const Options& options, const Api& api, const lab::Progress& progress);

// How long it takes, roughly: what is measured, and what lies between.
absl::Duration takes(const Options& options);

}  // namespace outrigger::scenario
