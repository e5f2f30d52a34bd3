// Measurements made up for tests: windows of a second with two CPUs, an application asked at a steady rate,
// gaps, wake-ups.  Neighbouring windows resemble each other, as on machines.
#pragma once

#include <cmath>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

struct Shape {
  std::string label = "before";
  uint64_t seed = 1;
  size_t windows = 60;
  size_t requests = 100;  // a window
  double latency_ms = 1;  // median
  double spread = 0.3;    // of log latency
  double unrest = 0.02;   // of the level of latency, from window to window
  double busy = 0.4;      // of each CPU
  double busy_unrest = 0.05;
  double gaps = 20;      // over 100 µs, a window of one second looked at
  double run_level = 0;  // of log latency and of log CPU: runs differ by more than windows do
  std::string experiment;
  uint32_t block = 0, order = 0;
};

class Maker {
 public:
  explicit Maker(const Shape& shape) : shape_(shape), random_(shape.seed * 7919 + 13) {}

  measure::Measurement run() {
    measure::Measurement run{.label = shape_.label, .started_at = "2026-11-23T05:00:00Z"};
    run.machine = {"web-1", "6.1.0-18", "a CPU", "machine-1", absl::StrCat("boot-1"), 2, uint64_t{8} << 30};
    run.work = {"redis", "10.0.0.2:6379", static_cast<double>(shape_.requests), 3};
    run.place = {shape_.experiment, shape_.block, shape_.order};
    const bool after = shape_.label == "after" || shape_.label == "dpu";
    run.placement = {{"policy", after ? "dpu" : "host"}, {"redis", "host"}};
    for (size_t i = 0; i < shape_.windows; ++i) run.windows.push_back(window(i));
    run.hash = absl::StrCat("hash-", shape_.label, "-", shape_.seed);
    return run;
  }

 private:
  double normal() { return normal_(random_); }

  measure::Window window(size_t i) {
    latency_level_ = 0.5 * latency_level_ + shape_.unrest * normal();
    measure::Window out{.start_ms = i * 1000, .length_ms = 1000};
    for (uint32_t cpu = 0; cpu < 2; ++cpu) out.cpu[cpu] = shares();
    for (uint32_t cpu = 0; cpu < 2; ++cpu) out.run_queue_wait[cpu] = 0.01 * std::exp(0.2 * normal());
    out.spun = 1;
    const auto gaps = std::poisson_distribution<uint64_t>(shape_.gaps)(random_);
    for (uint64_t gap = 0; gap < gaps; ++gap)
      out.gaps.add(static_cast<uint64_t>(100'000 * std::exp(0.5 + 0.5 * std::abs(normal()))));
    for (int wake = 0; wake < 50; ++wake)
      out.wakeups.add(static_cast<uint64_t>(60'000 * std::exp(0.3 * normal())));
    for (size_t request = 0; request < shape_.requests; ++request) {
      const double log = latency_level_ + shape_.run_level + shape_.spread * normal();
      out.latency.add(static_cast<uint64_t>(1e6 * shape_.latency_ms * std::exp(log)));
    }
    out.sent = shape_.requests;
    out.own_cpu = 0.005;
    return out;
  }

  measure::CpuShares shares() {
    const double busy = std::min(
        0.98, std::max(0.01, shape_.busy * std::exp(shape_.run_level) + shape_.busy_unrest * normal()));
    return {.user = 0.5 * busy, .system = 0.3 * busy, .softirq = 0.2 * busy, .idle = 1 - busy};
  }

  Shape shape_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double latency_level_ = 0;
};

inline measure::Measurement run_of(const Shape& shape) { return Maker(shape).run(); }

inline Input two_sides(measure::Measurement before, measure::Measurement after) {
  Input input;
  input.before.push_back(std::move(before));
  input.after.push_back(std::move(after));
  input.before_files = {"before.jsonl"};
  input.after_files = {"after.jsonl"};
  return input;
}

// Blocks of A B B A; shapes differ by seed and place alone.
inline Input abba(Shape a, Shape b, uint32_t blocks, uint64_t seed) {
  Input input;
  a.label = "host", b.label = "dpu";
  a.experiment = b.experiment = "abba";
  for (uint32_t block = 0; block < blocks; ++block) {
    for (uint32_t order = 0; order < 4; ++order) {
      const bool after = order == 1 || order == 2;
      Shape shape = after ? b : a;
      shape.block = block, shape.order = order, shape.seed = ++seed;
      (after ? input.after : input.before).push_back(run_of(shape));
      (after ? input.after_files : input.before_files).push_back(absl::StrCat(block, "-", order, ".jsonl"));
    }
  }
  return input;
}

inline Shape after_shape() { return {.label = "after", .seed = 2}; }
inline const Figure* figure_of(const Scorecard& card, std::string_view name) {
  for (const Section& section : card.sections) {
    for (const Figure& figure : section.figures) {
      if (figure.name == name) return &figure;
    }
  }
  return nullptr;
}
inline const Section* section_of(const Scorecard& card, std::string_view name) {
  for (const Section& section : card.sections) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

}  // namespace outrigger::scorecard
