// What may be compared with what.  A figure made of runs that do not belong together looks like any other, so
// this comes first: the same machine, kernel, CPUs and work on both sides, labels that were not swapped, runs
// that hold numbers, and in an experiment a partner for every run.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

struct Run {
  const measure::Measurement* measured = nullptr;
  std::string file;
  std::vector<const measure::Window*> windows;  // without those that are too short, or lack a CPU
};

// Runs of one block of an experiment on one machine; without an experiment all runs of the machine.
struct Block {
  std::string name;
  std::vector<Run> before, after;
};

struct Pairing {
  std::vector<Block> blocks;
  std::vector<std::string> limits;
};

// The pairing points into `input`.
absl::StatusOr<Pairing> pair_up(const Input& input);

// All CPUs that some window tells of.  A kernel may say nothing of one for a window; such windows are left
// out.
std::set<uint32_t> cpus_of(const measure::Measurement& run);
bool tells_of_all(const measure::Window& window, const std::set<uint32_t>& cpus);

// A run by itself: it has windows, they are in order and hold numbers that can be.
absl::Status check_run(const measure::Measurement& run, const std::string& file);

// Services whose placement differs between the sides of the block.
std::vector<std::string> moved_services(const Block& block);

// What must be said though nothing is wrong: reboots, clock steps, lengths, notes, one run a side.
std::vector<std::string> limits_of(const std::vector<Block>& blocks);

}  // namespace outrigger::scorecard
