// Log records must outlive the process that told them and the connection they are to be sent over, yet must
// never fill the disk or hold up their teller.  A spool is a folder of a few segment files of JSON lines:
// appended to with one write each, the oldest file removed when there are too many.
//
// Theory of operation: a record's cursor ascends for as long as the folder lives; a segment is named by its
// first. A writer killed in the middle of a line leaves a torn one, which the next open cuts off and counts;
// a write that the disk refuses is undone, counted and forgotten.  Readers follow the files by themselves and
// see whole lines only.
//
// Thread-safety: every function of Spool from any thread; a SpoolReader belongs to one.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/record.h"

namespace outrigger {

class Spool {
 public:
  struct Limits {
    size_t segments = 8;
    size_t segment_bytes = 4 << 20;
    uint64_t first_cursor =
        1;  // of the next record, at least: a sender's who may have sent what was lost since
  };
  struct Figures {
    uint64_t records = 0;
    uint64_t bytes = 0;
    uint64_t retired = 0;    // removed to make room, over all the folder's life
    uint64_t lost = 0;       // of these: before anybody else had them
    uint64_t unwritten = 0;  // refused by the disk, since it was opened
    uint64_t torn = 0;       // lines that were no record, since it was opened
    uint64_t last_cursor = 0;
    [[nodiscard]] uint64_t dropped() const { return lost + unwritten; }
  };

  // Makes the folder.  FailedPrecondition: another process writes to it.
  static absl::StatusOr<std::unique_ptr<Spool>> open(const std::string& folder, Limits limits);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Gives the record its cursor.  False: the disk refused it, and it was counted.
  bool append(Record& record);
  // For records from another spool: keeps their cursors.  False as well when one is not above the last.
  bool keep(const Record& record);

  // Records that somebody else keeps by now: to remove these to make room is no loss.
  void handed_on(uint64_t first, uint64_t last);

  [[nodiscard]] Figures figures() const;
  // Lines that open() found to be no record, but for torn ends; "": none.
  [[nodiscard]] std::string damage() const;
  [[nodiscard]] std::vector<uint64_t> segments() const;  // the first cursor of each, ascending
  // The records of one of them; none when it has been removed since.
  [[nodiscard]] std::vector<Record> segment(uint64_t first) const;

 private:
  friend class SpoolReader;
  struct Segment {
    uint64_t first = 0;
    uint64_t records = 0;
    uint64_t bytes = 0;
  };

  Spool(std::string folder, Limits limits) : folder_(std::move(folder)), limits_(limits) {}
  absl::Status lock_folder();
  absl::Status load();
  absl::Status load_segment(uint64_t first);
  bool start_segment(uint64_t first);
  bool write_line(const Record& record);
  void retire_oldest();
  [[nodiscard]] std::string path(uint64_t first) const;
  [[nodiscard]] uint64_t segment_after(uint64_t first) const;     // 0: none
  [[nodiscard]] uint64_t segment_holding(uint64_t cursor) const;  // or the oldest; 0: none

  const std::string folder_;
  const Limits limits_;
  mutable std::mutex lock_;
  std::deque<Segment> segments_;
  uint64_t next_ = 1;
  uint64_t retired_ = 0;
  uint64_t lost_ = 0;
  uint64_t handed_to_ = 0;   // the last cursor that was handed on
  uint64_t retired_to_ = 0;  // and that was removed, since the folder was opened
  uint64_t unwritten_ = 0;
  mutable std::atomic<uint64_t> torn_ = 0;
  uint64_t damaged_ = 0;  // lines open() found, and where the first is
  std::string first_damage_;
  int lock_file_ = -1;
  int file_ = -1;  // the newest segment
};

// Reads on from a cursor, over as many segments as there are, and later what has come since.
class SpoolReader {
 public:
  SpoolReader(const Spool& spool, uint64_t after) : spool_(spool), after_(after) {}
  ~SpoolReader();
  SpoolReader(const SpoolReader&) = delete;
  SpoolReader& operator=(const SpoolReader&) = delete;

  // nullopt: no more for now.
  std::optional<Record> next();

 private:
  friend class Spool;
  bool open_segment(uint64_t first);
  bool go_on();
  bool fill();
  std::optional<std::string_view> line();

  const Spool& spool_;
  uint64_t after_;
  uint64_t segment_ = 0;
  int file_ = -1;
  uint64_t offset_ = 0;  // of what follows the buffer
  std::string buffer_;
  size_t used_ = 0;  // of the buffer
};

}  // namespace outrigger
