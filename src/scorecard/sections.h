// The five properties by which the move is judged, and what it cost: each a section of figures.  Which figure
// may do what to the verdict stands where the figure is made; what each means, in
// docs/explanation/scorecard.md.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "scorecard/evidence.h"
#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

// What was counted rather than estimated, and what that does to the verdict.
struct Counted {
  std::vector<std::string> gains;  // each can make it pay
  std::vector<std::string> stops;  // each makes it "does not pay"
  std::vector<std::string> open;   // each keeps it from "pays"
};

using Blocks = std::span<const Block>;

Section cpu_section(Blocks blocks, const stats::Resampling& how);      // CPU, noise, run queues
Section latency_section(Blocks blocks, const stats::Resampling& how);  // of the application, and its failures
Section privilege_section(Blocks blocks, Counted& counted);
Section boundary_section(Blocks blocks, Counted& counted);
Section incident_section(Blocks blocks, Counted& counted);
Section cost_section(Blocks blocks, const Section& latency);

// Shared by sections.
double busy(const measure::CpuShares& shares);
const Figure* find(const Section& section, std::string_view name);
// Latency with those never answered as slower than anything: leaving them out would make failing look fast.
stats::Sketch latency_with_failed(const measure::Window& window);
inline constexpr uint64_t kUnanswered_ns = 3'600'000'000'000;
// log p99 of neighbouring windows, so many together that a p99 is not their maximum: "windows" of the
// stability.
std::vector<Row> log_p99s(const Run& run, size_t together);
size_t windows_together(Blocks blocks);

}  // namespace outrigger::scorecard
