// What the other side pays.  There is no rate at which a host's CPU is exchanged for a DPU's, so it is told.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scorecard/judge.h"
#include "scorecard/sections.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

using Side = std::vector<Run> Block::*;

std::optional<double> mean_over_runs(Blocks blocks, Side side, const auto& of) {
  double sum = 0, n = 0;
  for (const Block& block : blocks) {
    for (const Run& run : block.*side) {
      if (const double value = of(run.measured->cost); value >= 0) sum += value, n += 1;
    }
  }
  return n > 0 ? std::optional(sum / n) : std::nullopt;
}

Figure told(std::string name, std::string title, std::string unit, const char* why) {
  Figure figure{.name = std::move(name), .title = std::move(title), .unit = std::move(unit)};
  figure.judged = "not judged", figure.why = why;
  return figure;
}

void add_dpu(Blocks blocks, Section& section) {
  Figure cpu = told("cost.dpu_cpu", "CPU of the DPU", "CPUs", "mean over runs");
  const auto cpus = [](const measure::Cost& cost) { return cost.dpu_cpu; };
  cpu.before = mean_over_runs(blocks, &Block::before, cpus),
  cpu.after = mean_over_runs(blocks, &Block::after, cpus);
  if (cpu.before || cpu.after) section.figures.push_back(std::move(cpu));
  Figure memory = told("cost.dpu_memory", "memory of the DPU", "MiB", "mean over runs");
  const auto mib = [](const measure::Cost& cost) { return static_cast<double>(cost.dpu_memory) / (1 << 20); };
  memory.before = mean_over_runs(blocks, &Block::before, mib),
  memory.after = mean_over_runs(blocks, &Block::after, mib);
  if (memory.before || memory.after) section.figures.push_back(std::move(memory));
}

void add_latency(const Section& latency, Section& section) {
  for (const char* name : {"p50", "p99"}) {
    const Figure* of = find(latency, absl::StrCat("latency.", name));
    if (of == nullptr || !of->before || !of->after) continue;
    Figure figure =
        told(absl::StrCat("cost.added_latency_", name), absl::StrCat("added to the ", name), "ms", "");
    figure.after = *of->after - *of->before;
    figure.n_before = of->n_before, figure.n_after = of->n_after;
    figure.why = "of merged sketches; less than nothing: it got faster";
    if (of->log_change) {
      absl::StrAppend(&figure.why, "; from ", number(*of->before * std::expm1(of->log_change->low)), " to ",
                      amount(*of->before * std::expm1(of->log_change->high), "ms"));
    }
    section.figures.push_back(std::move(figure));
  }
}

std::vector<double> blackouts(Blocks blocks, Side side) {
  std::vector<double> all;
  for (const Block& block : blocks) {
    for (const Run& run : block.*side)
      all.insert(all.end(), run.measured->cost.blackout_ms.begin(), run.measured->cost.blackout_ms.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

void add_blackouts(Blocks blocks, Section& section) {
  const std::vector<double> before = blackouts(blocks, &Block::before),
                            after = blackouts(blocks, &Block::after);
  if (before.empty() && after.empty()) return;
  const auto add = [&](const char* name, const char* title, const auto& of) {
    Figure figure = told(name, title, "ms", "of the changes made during the runs");
    figure.n_before = before.size(), figure.n_after = after.size();
    if (!before.empty()) figure.before = of(before);
    if (!after.empty()) figure.after = of(after);
    section.figures.push_back(std::move(figure));
  };
  const bool several = std::max(before.size(), after.size()) > 1;
  if (several)
    add("cost.blackout_median", "blackout of a change, median",
        [](const std::vector<double>& all) { return (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2; });
  add("cost.blackout_longest", several ? "blackout of a change, longest" : "blackout of a change",
      [](const std::vector<double>& all) { return all.back(); });
}

}  // namespace

Section cost_section(Blocks blocks, const Section& latency) {
  Section section{.name = "cost", .title = "What it cost"};
  add_dpu(blocks, section);
  add_latency(latency, section);
  add_blackouts(blocks, section);
  if (section.figures.empty()) {
    section.why = "nobody measured it";
    return section;
  }
  std::vector<std::string> said;
  for (const Figure& figure : section.figures) {
    if (figure.after) said.push_back(absl::StrCat(figure.title, " ", amount(*figure.after, figure.unit)));
  }
  section.why = absl::StrCat("told, not judged: ", said.empty() ? "nothing after the move" : said[0]);
  for (size_t i = 1; i < said.size(); ++i) absl::StrAppend(&section.why, ", ", said[i]);
  return section;
}

}  // namespace outrigger::scorecard
