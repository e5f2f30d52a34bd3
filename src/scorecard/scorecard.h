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

struct Figure {
  std::string name;                           // "latency.p99", "cpu.variance", "gaps.over_100us", ... stable
  std::string title;                          // for people
  std::string unit;                           // "ms", "1/s", "CPUs", ""
  std::optional<double> before, after;        // pooled over the runs of a side: merged sketches, all windows
  std::optional<stats::Interval> log_change;  // none: too few data, see `why`
  std::optional<double> noise_floor;          // |log change| of A against A
  bool less_is_better = true;
  std::string judged;  // "better", "worse", "inside the noise", "too little data", "no difference shown"
  std::string why;     // in words, with numbers; how it was computed
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

// InvalidArgument, naming both: different machines, kernels, CPUs or work; a label mixed up; no windows;
// blocks without a pair.
absl::StatusOr<Scorecard> make(const Input& input, const stats::Resampling& how);

std::string to_table(const Scorecard& card);
std::string to_json(const Scorecard& card);
// One page that needs nothing from outside.
std::string to_html(const Scorecard& card, const Input& input);

}  // namespace outrigger::scorecard
