// A run by itself: never a figure from numbers that cannot be.
#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "scorecard/pairing.h"

namespace outrigger::scorecard {

namespace {

using measure::Window;

constexpr double kShareTolerance = 0.25;  // ticks of 10 ms in windows of a second or less

constexpr ptrdiff_t kFewLack = 10;  // one window in so many may lack a CPU

bool sound(double value) { return std::isfinite(value) && value >= 0; }

// What is wrong, or nothing.
std::string fault_of(const measure::CpuShares& shares) {
  const auto parts = {shares.user, shares.nice,  shares.system, shares.softirq,
                      shares.irq,  shares.steal, shares.idle,   shares.iowait};
  double sum = 0;
  for (const double part : parts) {
    if (!sound(part)) return absl::StrCat("a share of ", part);
    sum += part;
  }
  if (std::abs(sum - 1) > kShareTolerance) return absl::StrCat("shares that add up to ", sum, ", not to 1");
  return "";
}

std::string fault_of_cpus(const Window& window) {
  for (const auto& [cpu, shares] : window.cpu) {
    if (const std::string fault = fault_of(shares); !fault.empty())
      return absl::StrCat("CPU ", cpu, " has ", fault);
  }
  for (const auto& [cpu, wait] : window.run_queue_wait) {
    if (!sound(wait)) return absl::StrCat("CPU ", cpu, " has a run-queue wait of ", wait);
  }
  return "";
}

std::string fault_of(const Window& window) {
  if (window.length_ms == 0) return "it has no length";
  for (const double value : {window.spun, window.switches, window.interrupts, window.own_cpu}) {
    if (!sound(value)) return absl::StrCat("it holds the value ", value);
  }
  if (window.gaps.count() > 0 && window.spun <= 0) return "gaps were seen though nobody looked";
  for (const auto& [name, value] : window.softirqs) {
    if (!sound(value)) return absl::StrCat("softirq ", name, " is ", value);
  }
  for (const auto& [name, value] : window.pressure) {
    if (!sound(value)) return absl::StrCat("pressure ", name, " is ", value);
  }
  return fault_of_cpus(window);
}

bool says_something(const Window& window) {
  return !window.cpu.empty() || window.spun > 0 || window.wakeups.count() > 0 || window.sent > 0;
}

std::string fault_of_windows(const measure::Measurement& run) {
  uint64_t end = 0;
  for (size_t i = 0; i < run.windows.size(); ++i) {
    const Window& window = run.windows[i];
    std::string fault = fault_of(window);
    if (fault.empty() && window.start_ms < end) fault = "it begins before the one before it ends";
    if (!fault.empty()) return absl::StrCat("window ", i + 1, ": ", fault);
    end = window.start_ms + window.length_ms;
  }
  return "";
}

std::string fault_of_missing_cpus(const measure::Measurement& run) {
  const std::set<uint32_t> cpus = cpus_of(run);
  const auto lacking = std::count_if(run.windows.begin(), run.windows.end(),
                                     [&](const Window& window) { return !tells_of_all(window, cpus); });
  if (lacking * kFewLack <= static_cast<ptrdiff_t>(run.windows.size())) return "";
  return absl::StrCat(lacking, " of ", run.windows.size(),
                      " windows lack CPUs that others have: CPUs came and went");
}

std::string fault_of_requests(const measure::Measurement& run) {
  uint64_t answered = 0, sent = 0, failed = 0;
  for (const Window& window : run.windows) {
    answered += window.latency.count();
    sent += window.sent;
    failed += window.failed;
  }
  if (answered + failed > sent)
    return absl::StrCat(answered, " requests answered and ", failed, " failed, of ", sent, " sent");
  if (run.work.rate > 0 && sent == 0) return "no request was sent, though the work is to send them";
  return "";
}

std::string fault_of_once(const measure::Measurement& run) {
  for (const auto& service : run.privileged.value_or(std::vector<measure::PrivilegedService>{})) {
    if (!sound(service.weight))
      return absl::StrCat("privileged service \"", service.name, "\": weight ", service.weight);
  }
  for (const double blackout : run.cost.blackout_ms) {
    if (!sound(blackout)) return absl::StrCat("a blackout of ", blackout, " ms");
  }
  for (const measure::Incident& incident : run.incidents.value_or(std::vector<measure::Incident>{})) {
    for (const double seconds : {incident.detect_s, incident.act_s, incident.recover_s, incident.at_s}) {
      if (!std::isfinite(seconds))
        return absl::StrCat("incident \"", incident.summary, "\": a time of ", seconds);
    }
  }
  if (!std::isfinite(run.cost.dpu_cpu)) return absl::StrCat("a DPU CPU of ", run.cost.dpu_cpu);
  return sound(run.work.rate) && sound(run.work.budget_ms) ? "" : "a rate or budget that is no number";
}

}  // namespace

std::set<uint32_t> cpus_of(const measure::Measurement& run) {
  std::set<uint32_t> cpus;
  for (const Window& window : run.windows) {
    for (const auto& [cpu, shares] : window.cpu) cpus.insert(cpu);
  }
  return cpus;
}

bool tells_of_all(const Window& window, const std::set<uint32_t>& cpus) {
  return window.cpu.size() == cpus.size();  // it has no others
}

absl::Status check_run(const measure::Measurement& run, const std::string& file) {
  if (run.windows.empty())
    return absl::InvalidArgumentError(absl::StrCat(file, ": no windows; measure for longer"));
  std::string fault = fault_of_windows(run);
  if (fault.empty()) fault = fault_of_missing_cpus(run);
  if (fault.empty()) fault = fault_of_requests(run);
  if (fault.empty()) fault = fault_of_once(run);
  if (fault.empty() && std::none_of(run.windows.begin(), run.windows.end(), says_something))
    fault = "its windows are all empty: nothing was measured";
  return fault.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrCat(file, ": ", fault));
}

}  // namespace outrigger::scorecard
