#include "host/report_over_link.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace outrigger::host {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook(2000);  // a call costs more than the windows in it
constexpr milliseconds kSoon(20);
constexpr size_t kMany = 4;  // windows at once: there are more behind them
constexpr milliseconds kLongestWait(5000);
constexpr size_t kMostBuckets = 500;  // of a sketch; what DPUs take is twice that

std::string text_of(const stats::Sketch& sketch) {
  if (sketch.count() == 0) return "";
  stats::Sketch coarse = sketch;
  for (uint32_t step = 2; coarse.buckets().size() > kMostBuckets; step *= 2) {
    coarse = {};
    for (const auto& [bucket, times] : sketch.buckets())
      coarse.add(static_cast<uint64_t>(stats::Sketch::middle_of(bucket / step * step + step / 2)), times);
  }
  return coarse.text();
}

}  // namespace

void to_wire(const NumberedWindow& window, int64_t offset_ns, v1::MeasuredWindow& out) {
  const measure::Window& one = window.window;
  out.set_cursor(window.cursor);
  out.set_start_ns(window.start_ns + offset_ns);
  out.set_length_ms(static_cast<uint32_t>(one.length_ms));
  out.set_latency(text_of(one.latency));
  out.set_sent(one.sent);
  out.set_failed(one.failed);
  out.set_gaps(text_of(one.gaps));
  out.set_spun(one.spun);
  out.set_wakeups(text_of(one.wakeups));
  for (const auto& [number, shares] : one.cpu) {
    v1::CpuTime& cpu = *out.add_cpu();
    cpu.set_cpu(number);
    cpu.set_user(shares.user + shares.nice);
    cpu.set_system(shares.system);
    cpu.set_softirq(shares.softirq);
    cpu.set_irq(shares.irq);
    cpu.set_steal(shares.steal);
    cpu.set_idle(shares.idle + shares.iowait);
  }
}

WindowReporter::WindowReporter(Link& link, std::string node, uint64_t run, Windows windows, Offset offset)
    : link_(link),
      node_(std::move(node)),
      run_(run),
      windows_(std::move(windows)),
      offset_(std::move(offset)) {}

WindowReporter::~WindowReporter() {
  {
    const std::lock_guard guard(lock_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WindowReporter::start() {
  thread_ = std::thread([this] { run(); });
}

absl::StatusOr<size_t> WindowReporter::report() {
  const std::optional<int64_t> offset = offset_();
  if (!offset) return absl::FailedPreconditionError("the DPU's clock is not known yet");
  const std::vector<NumberedWindow> windows = windows_(std::max(kept_to_, left_out_), kAtOnce);
  v1::ReportWindowsRequest request;
  request.set_node(node_);
  request.set_run(run_);
  request.set_after(kept_to_);
  size_t bytes = 0;
  for (const NumberedWindow& window : windows) {
    if (bytes > kBytesAtOnce) break;
    to_wire(window, *offset, *request.add_windows());
    bytes += request.windows(request.windows_size() - 1).ByteSizeLong();
  }
  const auto count = static_cast<size_t>(request.windows_size());
  if (count == 0) return 0;
  const uint64_t last = request.windows(request.windows_size() - 1).cursor();
  const auto reply = link_.report(request);
  if (absl::IsInvalidArgument(reply.status())) {
    left_out_ = last;
    refused_ += count;
  }
  if (!reply.ok()) return reply.status();
  if (reply->kept_to() < kept_to_) left_out_ = 0;  // it begins anew
  kept_to_ = std::min(reply->kept_to(), last);
  return count;
}

void WindowReporter::run() {
  std::minstd_rand random(std::random_device{}());
  milliseconds wait = kLook;
  for (;;) {
    const auto reported = report();
    const bool more = reported.ok() && *reported > kMany;
    wait = reported.ok() ? kLook : std::min(wait * 2, kLongestWait);
    // Hosts that lost one DPU together do not come back together.
    const auto spread = milliseconds(random() % static_cast<unsigned>(wait.count() / 2 + 1));
    if (!sleep(more ? kSoon : reported.ok() ? kLook : wait + spread)) return;
  }
}

bool WindowReporter::sleep(milliseconds time) {
  std::unique_lock lock(lock_);
  return !wake_.wait_for(lock, time, [this] { return ending_; });
}

}  // namespace outrigger::host
