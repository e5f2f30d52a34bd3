// What the host has to tell must reach the DPU's journal even when the DPU is dead while it happens, which is
// exactly when it matters.  Host-side records go to a spool on the host's disk; a shipper sends them on,
// keeps on disk how far the DPU has them, and begins again from there after a death of either side.  A record
// may be sent twice; the DPU knows cursors and keeps it once. Thread-safety: HostLog from any thread; a
// Shipper's functions from one, besides its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/cursor_file.h"
#include "base/spool.h"
#include "host/clock_offset.h"

namespace outrigger::host {

struct HostLogOptions {
  std::string folder;
  std::string version;
  Spool::Limits limits;
};

// Where the host's parts tell what happened.
class HostLog {
 public:
  static absl::StatusOr<std::unique_ptr<HostLog>> open(const HostLogOptions& options);

  // Never fails: what the disk refuses is counted.  The side, and where they are missing time, version and
  // service, are filled in.  With evidence "kind", "phase" (begin, act, end) and "subject" the DPU makes it
  // part of an incident; of a host it takes lease_lost, fallback, bad_bundle and clock.
  void record(Record record);
  void note(Severity severity, std::string message, std::map<std::string, std::string> evidence = {});

  // Called after each record from now on, by whoever told it.
  void on_record(std::function<void()> heard);

  // After each renewal: our clock before and after, and RenewReply.monotonic_ns.
  void clocks(int64_t sent_ns, int64_t received_ns, int64_t dpu_ns);
  [[nodiscard]] std::optional<int64_t> offset_ns() const;

  [[nodiscard]] const Spool& spool() const { return *spool_; }
  [[nodiscard]] Spool& spool() { return *spool_; }
  [[nodiscard]] const std::string& cursor_file() const { return cursor_file_; }

 private:
  HostLog(std::unique_ptr<Spool> spool, const HostLogOptions& options);

  const std::unique_ptr<Spool> spool_;
  const std::string version_;
  const std::string cursor_file_;
  mutable std::mutex lock_;
  ClockOffset clock_;
  std::function<void()> heard_;
};

class Shipper {
 public:
  // Answers up to which cursor the DPU keeps them; `dropped` is how many it will never see.
  using Send = std::function<absl::StatusOr<uint64_t>(const std::vector<Record>& records, uint64_t dropped)>;
  static constexpr size_t kAtOnce = 200;             // records, and
  static constexpr size_t kBytesAtOnce = 512 << 10;  // of messages and evidence, about

  Shipper(HostLog& log, Send send);
  ~Shipper();
  Shipper(const Shipper&) = delete;
  Shipper& operator=(const Shipper&) = delete;

  // A thread that ships what there is and what is told, until the end, and waits ever longer while it fails.
  void start();
  void hurry();  // the DPU answers again: no longer wait is due

  // One shipment: how many records the DPU has taken; 0: there are none.
  absl::StatusOr<size_t> ship();
  [[nodiscard]] uint64_t kept_to() const { return kept_to_; }

 private:
  std::vector<Record> load();
  void run();
  bool sleep(std::chrono::milliseconds time);
  bool sleep_until_told();
  void told();

  HostLog& log_;
  const Send send_;
  const CursorFile cursor_;
  std::atomic<uint64_t> kept_to_;
  std::mutex lock_;
  std::condition_variable wake_;
  bool ending_ = false;
  bool hurried_ = false;
  bool told_ = false;  // something, since ship() began
  std::thread thread_;
};

}  // namespace outrigger::host
