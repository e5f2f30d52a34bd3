// All turns of an experiment, in their order, each of them until the machine under it was calm.
//
// Theory of operation.  On a virtual machine the hypervisor takes the CPU away when its other guests want it,
// for milliseconds, whoever is measured.  A turn in which it took more than Options::steal_limit of the
// host's CPU is made again at once, whatever came out of it; it is kept in a folder of its own, and what was
// made instead says so, and what happened in it.  There are as many such turns at most as there are turns;
// after that each counts as it is, and says what was taken.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/lab.h"
#include "measure/measurement.h"
#include "scenario/order.h"
#include "scenario/scenario.h"

namespace outrigger::scenario {

// What the hypervisor took of the host's CPU: a share of all windows' time.
double stolen(const measure::Measurement& measured);

class Calm {
 public:
  Calm(double limit, size_t spare) : limit_(limit), spare_(spare) {}

  // Of each try in turn: whether it is to be made again.  If not, what must be said goes into its notes.
  bool again(measure::Measurement& measured);
  [[nodiscard]] size_t tries() const { return left_out_.size(); }  // of this turn that did not count

 private:
  const double limit_;
  size_t spare_;
  std::vector<std::string> left_out_;  // what was taken in each, and what happened meanwhile
};

using TakeTurn = std::function<absl::StatusOr<measure::Measurement>(const Turn&)>;

// The files of what was measured, in the order of turns().
absl::StatusOr<std::vector<std::string>> take_all(const Options& options, const TakeTurn& take,
                                                  const lab::Progress& progress);

}  // namespace outrigger::scenario
