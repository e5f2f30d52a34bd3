// Did it pay?  Two sets of measurements, before and after (or the two arms of an ABBA experiment), become
// figures with n, interval and method, and one verdict with the number that decided it.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "measure/measurement.h"
#include "stats/interval.h"

namespace outrigger::scorecard {

enum class Verdict { kPays, kDoesNotPay, kInconclusive };
std::string_view name(Verdict verdict);  // "pays", "does not pay", "inconclusive"

// What a figure may do to the verdict once it got worse: nothing, keep it from "pays", or make it "does not
// pay".
enum class Role { kTold, kWeighs, kForbids };
std::string_view name(Role role);  // "told", "weighs", "forbids"

// docs/explanation/scorecard.md says what each figure is, how it is computed, and why.
struct Figure {
  std::string name;                           // "latency.p99", "cpu.variance", "gaps.over_100us", ... stable
  std::string title;                          // for people
  std::string unit;                           // "ms", "1/s", "CPUs", ""
  std::optional<double> before, after;        // pooled over the runs of a side: merged sketches, all windows
  std::optional<stats::Interval> log_change;  // none: too few data, see `why`
  std::optional<double> noise_floor;          // |log change| of A against A
  bool less_is_better = true;
  bool decides = false;  // one of the four whose gain can make it pay, chosen before any data were seen
  Role role = Role::kTold;
  double margin = 0;  // of the log change: a loss inside of it is borne, a gain inside of it is none
  double least = 0;   // of the difference, in its unit: what is smaller is nobody's concern
  std::optional<stats::Interval> strict;  // of those that decide: at (1 - level) / 4, for there are four
  // "better", "worse", either with ", inside its margin"; "inside the noise", "too small to matter",
  // "no difference shown", "too little data", "not judged"
  std::string judged;
  std::string why;  // in words, with numbers; how it was computed
  uint64_t n_before = 0, n_after = 0;
};

struct Section {  // one of the article's five properties, or the cost
  std::string name, title;
  Verdict verdict = Verdict::kInconclusive;
  std::string why;
  std::vector<Figure> figures;
  std::vector<std::string> lines;  // lists: services removed and left, tests that did not hold
};

struct ServiceVerdict {
  std::string service;
  Verdict verdict = Verdict::kInconclusive;
  std::string why;
};

struct Scorecard {
  Verdict verdict = Verdict::kInconclusive;
  std::string why;  // with the number that decided
  std::vector<Section> sections;
  std::vector<ServiceVerdict> services;  // of those whose placement differs between the sides
  std::vector<std::string> limits;       // what must be said: machine, simulated parts, clock steps, boots
  std::vector<std::string> sources;      // file and hash
};

struct Input {
  std::vector<measure::Measurement> before, after;
  std::vector<std::string> before_files, after_files;
};

// A file, or a folder of files (*.jsonl and *.json); a folder may hold both arms: then each side takes those
// of its label ("before" or "host", "after" or "dpu").  InvalidArgument, NotFound, DataLoss with the file.
absl::StatusOr<Input> load(const std::string& before, const std::string& after);

// InvalidArgument, naming both: different machines, kernels, CPUs or work; a label mixed up; no windows;
// blocks without a pair; figures that cannot be.
absl::StatusOr<Scorecard> make(const Input& input, const stats::Resampling& how);

std::string to_table(const Scorecard& card);
std::string to_json(const Scorecard& card);
// One page that needs nothing from outside.
std::string to_html(const Scorecard& card, const Input& input);

}  // namespace outrigger::scorecard
