// One turn of an experiment, measured: the recorder's windows, and what must be said beside them.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "measure/latency_probe.h"
#include "measure/measurement.h"
#include "scenario/order.h"
#include "scenario/scenario.h"

namespace outrigger::scenario {

// Where the parts of a run find each other.
struct Setting {
  const Options& options;
  Description what;
  std::string lab;
  World world;
  std::string experiment;
  std::string folder;  // for configurations and logs
};

measure::Work work_of(const Setting& setting);

// Samples on the host's CPU, asks from the client's guest.  CPU figures of the host's CPU alone: the other
// stands for the DPU, and carries the load generator.  Cancelled after Ctrl-C.
absl::StatusOr<measure::Measurement> measure_turn(const Setting& setting);

// What became of the same requests while `act` acts, and a little longer.
absl::StatusOr<measure::Answered> ask_while(const Setting& setting, const std::function<void()>& act);

// Arm, place in the experiment, where the services ran, and what the reader must know.  `rule_lines`: what
// the policies are as rules of nftables.
void label(const Setting& setting, const Turn& turn, uint64_t rule_lines, measure::Measurement& measured);

}  // namespace outrigger::scenario
