#include "scorecard/page_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>

namespace outrigger::scorecard {

namespace {

using Side = std::vector<Run> Block::*;
using stats::Sketch;

constexpr size_t kPoints = 240;  // of a distribution
constexpr size_t kMostWindows = 2000;

void each_window(Blocks blocks, Side side, const auto& take) {
  for (const Block& block : blocks) {
    for (const Run& run : block.*side) {
      for (const measure::Window* window : run.windows) take(*window);
    }
  }
}

// Places for a curve from the smallest to the greatest, each further by the same factor.
std::vector<double> spread(double least, double most) {
  std::vector<double> x;
  if (!(most > 0)) return x;
  least = std::max(least, 1.0);
  most = std::max(most, least * 1.01);
  for (size_t i = 0; i < kPoints; ++i)
    x.push_back(least * std::pow(most / least, static_cast<double>(i) / (kPoints - 1)));
  return x;
}

// How many of the sketch are greater than each of x.
std::vector<double> beyond(const Sketch& sketch, const std::vector<double>& x) {
  std::vector<double> out(x.size(), 0);
  for (const auto& [bucket, times] : sketch.buckets()) {
    const auto end = std::lower_bound(x.begin(), x.end(), Sketch::middle_of(bucket));
    for (auto at = x.begin(); at != end; ++at)
      out[static_cast<size_t>(at - x.begin())] += static_cast<double>(times);
  }
  return out;
}

struct Both {
  Sketch before, after;
  double failed_before = 0, failed_after = 0, looked_before = 0, looked_after = 0;
};

Both merged(Blocks blocks, Sketch measure::Window::*which) {
  Both all;
  each_window(blocks, &Block::before, [&](const measure::Window& window) {
    all.before.merge(window.*which);
    all.failed_before += static_cast<double>(window.failed), all.looked_before += window.spun;
  });
  each_window(blocks, &Block::after, [&](const measure::Window& window) {
    all.after.merge(window.*which);
    all.failed_after += static_cast<double>(window.failed), all.looked_after += window.spun;
  });
  return all;
}

std::vector<double> places(const Both& both) {
  const auto least = [](const Sketch& sketch) { return sketch.count() == 0 ? UINT64_MAX : sketch.min(); };
  return spread(static_cast<double>(std::min(least(both.before), least(both.after))),
                static_cast<double>(std::max(both.before.max(), both.after.max())) * 1.005);
}

Curve latency_curve(Blocks blocks) {
  const Both both = merged(blocks, &measure::Window::latency);
  const std::vector<double> x = places(both);
  const auto shares = [&](const Sketch& sketch, double failed) {
    std::vector<std::optional<double>> out;
    const double all = static_cast<double>(sketch.count()) + failed;
    for (const double slower : beyond(sketch, x)) {
      const double share = all > 0 ? 1 - (slower + failed) / all : 0;
      out.push_back(share > 0 && share < 1 ? std::optional(share) : std::nullopt);
    }
    return out;
  };
  Curve curve{x, shares(both.before, both.failed_before), shares(both.after, both.failed_after)};
  for (double& one : curve.x) one /= 1e6;
  return curve;
}

Curve gap_curve(Blocks blocks) {
  const Both both = merged(blocks, &measure::Window::gaps);
  const std::vector<double> x = places(both);
  const auto rates = [&](const Sketch& sketch, double looked) {
    std::vector<std::optional<double>> out;
    for (const double longer : beyond(sketch, x))
      out.push_back(looked > 0 && longer > 0 ? std::optional(longer / looked) : std::nullopt);
    return out;
  };
  Curve curve{x, rates(both.before, both.looked_before), rates(both.after, both.looked_after)};
  for (double& one : curve.x) one /= 1e3;
  return curve;
}

double window_seconds(Blocks blocks) {
  return static_cast<double>(blocks[0].before[0].windows[0]->length_ms) / 1000;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
double greatest_of(std::span<const double> values) { return *std::max_element(values.begin(), values.end()); }

// Two rows of values next to each other, at the same steps; of long ones neighbours become one by `one_of`.
Curve side_by_side(const std::vector<double>& before, const std::vector<double>& after, double step,
                   double (*one_of)(std::span<const double>)) {
  Curve curve;
  const size_t n = std::max(before.size(), after.size()), each = n / kMostWindows + 1;
  const auto at = [&](const std::vector<double>& values, size_t i) -> std::optional<double> {
    if (i >= values.size()) return std::nullopt;
    return one_of(std::span(values).subspan(i, std::min(each, values.size() - i)));
  };
  for (size_t i = 0; i < n; i += each) {
    curve.x.push_back(static_cast<double>(i) * step);
    curve.before.push_back(at(before, i));
    curve.after.push_back(at(after, i));
  }
  return curve;
}

Curve p99_curve(Blocks blocks) {
  const size_t together = windows_together(blocks);
  const auto values = [&](Side side) {
    std::vector<double> out;
    for (const Block& block : blocks) {
      for (const Run& run : block.*side) {
        for (const Row& row : log_p99s(run, together)) out.push_back(std::exp(row[0]) / 1e6);
      }
    }
    return out;
  };
  return side_by_side(values(&Block::before), values(&Block::after),
                      window_seconds(blocks) * static_cast<double>(together), greatest_of);
}

Curve busy_curve(Blocks blocks) {
  const auto values = [&](Side side) {
    std::vector<double> out;
    each_window(blocks, side, [&](const measure::Window& window) {
      double sum = 0;
      for (const auto& [cpu, shares] : window.cpu) sum += busy(shares);
      if (!window.cpu.empty()) out.push_back(sum);
    });
    return out;
  };
  return side_by_side(values(&Block::before), values(&Block::after), window_seconds(blocks), mean_of);
}

Curve deviation_curve(Blocks blocks) {
  std::map<uint32_t, std::pair<std::vector<double>, std::vector<double>>> by_cpu;
  each_window(blocks, &Block::before, [&](const measure::Window& window) {
    for (const auto& [cpu, shares] : window.cpu) by_cpu[cpu].first.push_back(100 * busy(shares));
  });
  each_window(blocks, &Block::after, [&](const measure::Window& window) {
    for (const auto& [cpu, shares] : window.cpu) by_cpu[cpu].second.push_back(100 * busy(shares));
  });
  Curve curve;
  const auto deviation = [](const std::vector<double>& values) -> std::optional<double> {
    const auto found = stats::variance(values);
    return found ? std::optional(std::sqrt(*found)) : std::nullopt;
  };
  for (const auto& [cpu, sides] : by_cpu) {
    curve.x.push_back(cpu);
    curve.before.push_back(deviation(sides.first));
    curve.after.push_back(deviation(sides.second));
  }
  return curve;
}

Bars privilege_bars(Blocks blocks) {
  std::map<std::string, std::pair<double, double>> weights;
  const auto gather = [&](Side side, double std::pair<double, double>::*which) {
    for (const Block& block : blocks) {
      for (const Run& run : block.*side) {
        for (const auto& one : run.measured->privileged.value_or(std::vector<measure::PrivilegedService>{}))
          weights[one.name].*which = std::max(weights[one.name].*which, one.weight);
      }
    }
  };
  gather(&Block::before, &std::pair<double, double>::first);
  gather(&Block::after, &std::pair<double, double>::second);
  std::vector<std::pair<std::string, std::pair<double, double>>> order(weights.begin(), weights.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
  Bars bars;
  for (const auto& [name, weight] : order) {
    bars.names.push_back(name);
    bars.before.push_back(weight.first);
    bars.after.push_back(weight.second);
  }
  return bars;
}

// Of all runs in a row, as the other curves are.
std::vector<Happening> happenings(Blocks blocks) {
  std::vector<Happening> out;
  for (const bool after : {false, true}) {
    double begin = 0;
    for (const Block& block : blocks) {
      for (const Run& run : after ? block.after : block.before) {
        for (measure::Incident incident :
             run.measured->incidents.value_or(std::vector<measure::Incident>{})) {
          incident.at_s += begin;
          out.push_back({after, std::move(incident)});
        }
        for (const measure::Window* window : run.windows)
          begin += static_cast<double>(window->length_ms) / 1000;
      }
    }
  }
  return out;
}

}  // namespace

PageData page_data(Blocks blocks) {
  return {latency_curve(blocks), p99_curve(blocks),
          busy_curve(blocks),    deviation_curve(blocks),
          gap_curve(blocks),     privilege_bars(blocks),
          happenings(blocks),    blocks[0].before[0].measured->work.budget_ms};
}

}  // namespace outrigger::scorecard
