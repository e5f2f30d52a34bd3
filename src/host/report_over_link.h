// What was measured on this host goes to its DPU window by window, so that a change there can be judged by
// what the application saw.  The DPU keeps it in memory alone: after its restart it says that it has nothing,
// and gets once more what is still here; what it refuses is left out, so that one bad window holds up no
// other. Thread-safety: start() once; report() by one thread at a time.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/link.h"
#include "measure/measurement.h"

namespace outrigger::host {

struct NumberedWindow {
  uint64_t cursor = 0;   // ascending, from 1
  int64_t start_ns = 0;  // CLOCK_MONOTONIC
  measure::Window window;
};

class WindowReporter {
 public:
  // Those after a cursor, oldest first, at most so many.
  using Windows = std::function<std::vector<NumberedWindow>(uint64_t after, size_t most)>;
  // Added to this host's monotonic clock it gives the DPU's; none: not known yet, and nothing is told.
  using Offset = std::function<std::optional<int64_t>()>;
  static constexpr size_t kAtOnce = 60;              // windows, and
  static constexpr size_t kBytesAtOnce = 512 << 10;  // of them, about

  // `run` is another whenever cursors begin anew.  The link must outlive it.
  WindowReporter(Link& link, std::string node, uint64_t run, Windows windows, Offset offset);
  ~WindowReporter();
  WindowReporter(const WindowReporter&) = delete;
  WindowReporter& operator=(const WindowReporter&) = delete;

  void start();  // a thread that reports until the end, and waits ever longer while it fails

  // One report: how many windows it had; 0: there are none.
  absl::StatusOr<size_t> report();
  [[nodiscard]] uint64_t refused() const { return refused_; }  // windows

 private:
  void run();
  bool sleep(std::chrono::milliseconds time);

  Link& link_;
  const std::string node_;
  const uint64_t run_;
  const Windows windows_;
  const Offset offset_;
  uint64_t kept_to_ = 0;   // what the DPU has
  uint64_t left_out_ = 0;  // up to here, those that it refused
  uint64_t refused_ = 0;
  std::mutex lock_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

// One window in the link's words; sketches of too many buckets become coarser.
void to_wire(const NumberedWindow& window, int64_t offset_ns, v1::MeasuredWindow& out);

}  // namespace outrigger::host
