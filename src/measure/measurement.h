// What `outrigger measure` leaves behind and a scorecard is made of: one file of JSON lines per run.  The
// first line says what was measured, on which machine and in which arm of which experiment; then comes a line
// per window; then what was noted once; the last line seals it with the number of windows and the SHA-256 of
// all lines before it.  A file without its seal was cut off, and no figure is made of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "stats/sketch.h"

namespace outrigger::measure {

inline constexpr std::string_view kFormat = "outrigger.dev/measurement/v1";

// Two runs are comparable only when machine, kernel, CPUs and the work agree; boots may differ.
struct Machine {
  std::string host, kernel, cpu_model, machine_id, boot_id;
  uint32_t cpus = 0;
  uint64_t memory = 0;  // bytes
  friend bool operator==(const Machine&, const Machine&) = default;
};

// The application's latency, measured from outside it, in an open loop: a request is late from the moment it
// was to be sent, not from when it was.
struct Work {
  std::string protocol;  // "tcp", "http", "redis"; "" when no application was probed
  std::string target;    // "10.0.0.2:6379"
  double rate = 0;       // requests a second
  double budget_ms = 0;  // what p99 should stay under; 0: none
  friend bool operator==(const Work&, const Work&) = default;
};

// Where a run stands in an experiment: ABBA blocks, or one before and one after.
struct Place {
  std::string experiment;  // the same for all runs that belong together; "" for a run by itself
  uint32_t block = 0;      // runs of one block are compared with each other
  uint32_t order = 0;      // within the block
};

struct CpuShares {  // of one CPU, of a window; they add up to about 1
  double user = 0, nice = 0, system = 0, softirq = 0, irq = 0, steal = 0, idle = 0, iowait = 0;
};

struct Window {
  uint64_t start_ms = 0, length_ms = 0;  // by the monotonic clock, since the run began
  int64_t clock_step_us = 0;             // wall clock against the monotonic one, changed in this window
  std::map<uint32_t, CpuShares> cpu;
  std::map<uint32_t, double> run_queue_wait;  // by CPU: seconds waited, per second
  stats::Sketch gaps;                   // ns: a spinning thread was away for so long; those of at least 1 µs
  double spun = 0;                      // seconds that it looked
  stats::Sketch wakeups;                // ns: a timer came so late
  double switches = 0, interrupts = 0;  // a second, all CPUs
  std::map<std::string, double> softirqs;  // a second, by class
  std::map<std::string, double> pressure;  // "cpu.some", "memory.full": share of the window
  stats::Sketch latency;                   // ns, of answered requests, from their intended start
  uint64_t sent = 0, failed = 0;           // requests; those unanswered at the end of the run count as failed
  double own_cpu = 0;                      // CPUs that measuring took
  uint64_t own_memory = 0;                 // bytes
};

struct PrivilegedService {
  std::string name, task;
  double weight = 0;
  std::string why;  // "uid 0, CAP_NET_ADMIN"
};

struct BoundaryTest {
  std::string name;
  bool held = false;
  std::string evidence;
};

struct Incident {
  std::string domain, kind, summary;
  double detect_s = 0, act_s = 0, recover_s = 0;  // < 0: not known
  double at_s = 0;                                // since the run began
};

// What it cost on the other side; < 0: not measured.
struct Cost {
  double dpu_cpu = -1;              // CPUs, mean
  int64_t dpu_memory = -1;          // bytes
  std::vector<double> blackout_ms;  // of each change in the run
};

struct Measurement {
  std::string label;       // "before", "after"; in an experiment the arm: "host", "dpu"
  std::string started_at;  // RFC 3339, UTC
  Machine machine;
  Work work;
  Place place;
  std::map<std::string, std::string> placement;  // service -> "host" or "dpu"
  std::vector<std::string> notes;                // what must be said beside every figure of this run
  std::vector<Window> windows;
  std::optional<std::vector<PrivilegedService>> privileged;  // none: nobody looked
  std::optional<std::vector<BoundaryTest>> boundary;
  std::optional<std::vector<Incident>> incidents;  // none: nobody asked the node
  Cost cost;
  std::string hash;  // SHA-256 of the file, hex; set by parse()
};

// InvalidArgument or DataLoss with file, line and what is wrong: unknown fields, no seal, a wrong hash,
// windows out of order.
absl::StatusOr<Measurement> parse(std::string_view text, const std::string& file);
absl::StatusOr<Measurement> read(const std::string& file);
std::string to_text(const Measurement& measurement);  // whole, sealed
// Written beside its name and renamed: a killed writer leaves no half file under the name.
absl::Status write(const Measurement& measurement, const std::string& file);

}  // namespace outrigger::measure
