#include "measure/run.h"

#include <poll.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "measure/clock.h"
#include "measure/machine.h"

namespace outrigger::measure {

namespace {

constexpr double kLeastWindow = 0.1, kMostWindow = 3600, kMostSeconds = 31 * 86400;
constexpr double kMostWindows = 1e6;

absl::Status check(const RunOptions& options) {
  if (!(options.window_s >= kLeastWindow && options.window_s <= kMostWindow))
    return absl::InvalidArgumentError(absl::StrCat("a window of ", options.window_s, " s: from ",
                                                   kLeastWindow, " to ", kMostWindow,
                                                   " s; the kernel counts CPU time in steps of 10 ms"));
  if (!(options.seconds >= options.window_s && options.seconds <= kMostSeconds))
    return absl::InvalidArgumentError(absl::StrCat("a run of ", options.seconds, " s: from one window (",
                                                   options.window_s, " s) to ", kMostSeconds, " s"));
  if (options.seconds / options.window_s > kMostWindows)
    return absl::InvalidArgumentError("more than a million windows: take longer ones");
  return absl::OkStatus();
}

// True: to stop.
bool wait_until(uint64_t at, int stop) {
  for (uint64_t now = now_ns(); now < at; now = now_ns()) {
    pollfd asked{stop, POLLIN, 0};
    const uint64_t left = at - now;
    const timespec patience{static_cast<time_t>(left / 1'000'000'000),
                            static_cast<long>(left % 1'000'000'000)};
    if (ppoll(&asked, stop < 0 ? 0 : 1, &patience, nullptr) > 0) return true;
  }
  return false;
}

std::string how_it_spun(const SpinOptions& spin) {
  const std::string where = spin.cpu.has_value() ? absl::StrCat("CPU ", *spin.cpu) : "each CPU in turn";
  if (spin.turn_ns == 0) return "nobody looked for gaps";
  if (spin.turn_ns == spin.period_ns)
    return absl::StrCat("gaps: by a thread that never sleeps, on ", where,
                        "; it competes with the application");
  return absl::StrFormat("gaps: looked for in %g ms of each %g ms, on %s",
                         static_cast<double>(spin.turn_ns) / 1e6, static_cast<double>(spin.period_ns) / 1e6,
                         where);
}

void note_limits(const RunOptions& options, const std::vector<std::string>& missing, Measurement& out) {
  out.notes.push_back(how_it_spun(options.recorder.spin));
  if (options.recorder.probe.has_value()) {
    out.notes.emplace_back("latency: asked from this machine, whose CPUs the probe shared");
  } else {
    out.notes.emplace_back("latency: no application was probed");
  }
  for (const std::string& one : missing) out.notes.push_back(absl::StrCat("not seen: ", one));
}

void note_clock_steps(Measurement& out) {
  for (size_t i = 0; i < out.windows.size(); ++i) {
    const int64_t step = out.windows[i].clock_step_us;
    if (step == 0) continue;
    out.notes.push_back(absl::StrFormat(
        "the wall clock was moved by %.3f s in window %d: durations are by the monotonic clock and stand; "
        "times of day before it do not agree with those after it",
        static_cast<double>(step) / 1e6, i));
  }
}

}  // namespace

absl::StatusOr<Measurement> run(const RunOptions& options) {
  if (absl::Status status = check(options); !status.ok()) return status;
  Measurement out = options.head;
  out.machine = this_machine();
  out.started_at = absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone());
  if (const auto& probe = options.recorder.probe; probe.has_value())
    out.work = {probe->target.protocol, probe->target.address(), probe->rate, options.head.work.budget_ms};
  const auto recorder = Recorder::start(options.recorder);
  if (!recorder.ok()) return recorder.status();
  const auto windows = static_cast<uint64_t>(std::ceil(options.seconds / options.window_s - 1e-9));
  const uint64_t begun = now_ns();
  bool stopped = false;
  for (uint64_t i = 1; i <= windows && !stopped; ++i) {
    const double end = std::min(static_cast<double>(i) * options.window_s, options.seconds);
    stopped = wait_until(begun + static_cast<uint64_t>(end * 1e9), options.stop);
    out.windows.push_back(stopped || i == windows ? (*recorder)->close_last() : (*recorder)->close_window());
    if (options.each) options.each(out.windows.back());
  }
  note_limits(options, (*recorder)->missing(), out);
  note_clock_steps(out);
  if (stopped)
    out.notes.push_back(absl::StrFormat("ended early, after %.1f s of %g s",
                                        static_cast<double>(now_ns() - begun) / 1e9, options.seconds));
  return out;
}

}  // namespace outrigger::measure
