#include "cli/measure_summary.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/table.h"

namespace outrigger::cli {

namespace {

using measure::Measurement;
using measure::Window;

struct Figure {
  std::string name, unit;
  double value = NAN;  // none: see `why`
  std::string why;     // how many it is of, or why there is none
};

struct Quantile {
  const char* name;
  double q;
};
constexpr Quantile kQuantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

stats::Sketch merged(const Measurement& measured, stats::Sketch Window::*member) {
  stats::Sketch out;
  for (const Window& window : measured.windows) out.merge(window.*member);
  return out;
}

// Scaled from ns.
void add_quantiles(const std::string& name, const stats::Sketch& sketch, double scale,
                   const std::string& unit, std::vector<Figure>& out) {
  for (const Quantile& quantile : kQuantiles) {
    Figure figure{absl::StrCat(name, ".", quantile.name), unit};
    const uint64_t needed = stats::samples_needed(quantile.q);
    const bool enough = sketch.count() >= needed;
    if (enough) figure.value = sketch.quantile(quantile.q) / scale;
    figure.why = enough ? absl::StrCat("of ", sketch.count())
                        : absl::StrCat("needs ", needed, " samples, has ", sketch.count());
    out.push_back(std::move(figure));
  }
  if (sketch.count() == 0) return;
  out.push_back({absl::StrCat(name, ".max"), unit, static_cast<double>(sketch.max()) / scale,
                 absl::StrCat("of ", sketch.count())});
}

// Mean over the windows, weighted by nothing: they are alike; and how much it varied between them.
Figure mean_of(const std::string& name, const std::string& unit, const Measurement& measured, auto value_of) {
  double sum = 0, squares = 0, count = 0;
  for (const Window& window : measured.windows) {
    const std::optional<double> value = value_of(window);
    if (!value.has_value()) continue;
    sum += *value;
    squares += *value * *value;
    ++count;
  }
  if (count == 0) return {name, unit, NAN, "not seen"};
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(squares / count - mean * mean, 0.0));
  return {name, unit, mean, absl::StrFormat("mean of %.0f windows, deviation %.3g", count, deviation)};
}

void add_cpus(const Measurement& measured, std::vector<Figure>& out) {
  std::map<uint32_t, bool> seen;
  for (const Window& window : measured.windows) {
    for (const auto& [cpu, shares] : window.cpu) seen[cpu] = true;
  }
  for (const auto& [cpu, unused] : seen) {
    out.push_back(mean_of(absl::StrCat("cpu", cpu, ".busy"), "", measured,
                          [cpu = cpu](const Window& window) -> std::optional<double> {
                            const auto at = window.cpu.find(cpu);
                            if (at == window.cpu.end()) return std::nullopt;
                            return 1 - at->second.idle - at->second.iowait;
                          }));
  }
}

void add_gaps(const Measurement& measured, std::vector<Figure>& out) {
  const stats::Sketch gaps = merged(measured, &Window::gaps);
  double spun = 0;
  for (const Window& window : measured.windows) spun += window.spun;
  for (const uint64_t us : {10, 50, 100, 1000}) {
    Figure figure{absl::StrCat("gaps.over_", us, "us"), "1/s"};
    if (spun > 0) figure.value = static_cast<double>(gaps.above(us * 1000)) / spun;
    figure.why = absl::StrFormat("looked for %.3g s", spun);
    out.push_back(std::move(figure));
  }
}

Figure run_queue_wait(const Measurement& measured) {
  return mean_of("run_queue_wait", "s/s", measured, [](const Window& window) -> std::optional<double> {
    if (window.run_queue_wait.empty()) return std::nullopt;
    double sum = 0;
    for (const auto& [cpu, wait] : window.run_queue_wait) sum += wait;
    return sum;
  });
}

void add_requests(const Measurement& measured, std::vector<Figure>& out) {
  uint64_t sent = 0, failed = 0, over = 0, judged = 0;
  for (const Window& window : measured.windows) {
    sent += window.sent;
    failed += window.failed;
    if (window.latency.count() < stats::samples_needed(0.99)) continue;
    ++judged;
    if (window.latency.quantile(0.99) > measured.work.budget_ms * 1e6) ++over;
  }
  out.push_back({"requests.sent", "", static_cast<double>(sent), ""});
  out.push_back({"requests.failed", "", static_cast<double>(failed), absl::StrCat("of ", sent)});
  if (measured.work.budget_ms <= 0) return;
  Figure budget{"windows.over_budget", ""};
  if (judged > 0) budget.value = static_cast<double>(over) / static_cast<double>(judged);
  budget.why = absl::StrFormat("p99 over %g ms; %d of %d windows had samples enough for a p99",
                               measured.work.budget_ms, judged, measured.windows.size());
  out.push_back(std::move(budget));
}

// What others noted: the audit of the boundary, and the node.
void add_noted(const Measurement& measured, std::vector<Figure>& out) {
  if (measured.boundary.has_value()) {
    const auto held = std::count_if(measured.boundary->begin(), measured.boundary->end(),
                                    [](const measure::BoundaryTest& one) { return one.held; });
    out.push_back({"boundary.held", "", static_cast<double>(held),
                   absl::StrCat("of ", measured.boundary->size(), " tests")});
  }
  if (measured.incidents.has_value())
    out.push_back({"incidents", "", static_cast<double>(measured.incidents->size()), "by the node's word"});
  const std::vector<double>& blackouts = measured.cost.blackout_ms;
  if (!blackouts.empty())
    out.push_back({"blackout.longest", "ms", *std::max_element(blackouts.begin(), blackouts.end()),
                   absl::StrCat("of ", plural(blackouts.size(), "change"), " in the run")});
}

std::vector<Figure> figures_of(const Measurement& measured) {
  std::vector<Figure> out;
  add_cpus(measured, out);
  add_gaps(measured, out);
  add_quantiles("wakeups", merged(measured, &Window::wakeups), 1e3, "us", out);
  out.push_back(run_queue_wait(measured));
  if (!measured.work.protocol.empty()) {
    add_quantiles("latency", merged(measured, &Window::latency), 1e6, "ms", out);
    add_requests(measured, out);
  }
  out.push_back(mean_of("own_cpu", "CPUs", measured,
                        [](const Window& window) { return std::optional<double>(window.own_cpu); }));
  if (measured.privileged.has_value())
    out.push_back({"privileged_services", "", static_cast<double>(measured.privileged->size()), ""});
  add_noted(measured, out);
  return out;
}

}  // namespace

void print_summary(const Measurement& measured, const std::string& file, std::ostream& out) {
  Table table({"FIGURE", ">VALUE", "UNIT", "HOW"});
  for (const Figure& figure : figures_of(measured)) {
    table.row({figure.name, std::isnan(figure.value) ? "-" : absl::StrFormat("%.6g", figure.value),
               figure.unit, figure.why});
  }
  table.print(out);
  for (const std::string& note : measured.notes) out << "note: " << note << '\n';
  out << file << ": " << plural(measured.windows.size(), "window") << ", label " << measured.label << '\n';
}

Json summary_json(const Measurement& measured, const std::string& file) {
  Json figures = Json::array();
  for (const Figure& figure : figures_of(measured)) {
    const Json value = std::isnan(figure.value) ? Json() : Json(figure.value);
    figures.push_back({{"name", figure.name}, {"unit", figure.unit}, {"value", value}, {"how", figure.why}});
  }
  return {{"file", file},
          {"label", measured.label},
          {"windows", measured.windows.size()},
          {"figures", figures},
          {"notes", measured.notes}};
}

}  // namespace outrigger::cli
