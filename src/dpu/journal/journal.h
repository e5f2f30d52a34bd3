// What the parts of the agent record() must reach the disk without ever holding them up: a bounded queue, one
// writer thread behind it, two spools (this side's, and what the host ships), and the incidents.
//
// Theory of operation: log lines give way first when the queue is full, events have a reserve of their own;
// what found no room is counted, and said in one record once there is room.  The writer gives each record its
// owner and generation, asks the incidents which one it belongs to, and appends it.  Nothing here logs: it
// would feed itself.
//
// Thread-safety: any thread.  record() and log() take one short lock and touch no disk.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dpu/journal/events.h"
#include "dpu/journal/incident_file.h"
#include "dpu/journal/incidents.h"
#include "dpu/journal/journald.h"
#include "dpu/journal/time_line.h"

namespace outrigger::agent {

struct JournalOptions {
  std::string folder;  // made when there is none
  std::string node;
  std::string version;  // of the agent, for records that name none
  // The contract's logs.owner; empty: no contract declares one, and the platform is asked.
  std::function<std::string(const std::string& service)> owner_of;
  std::function<uint64_t()> generation;
  size_t queue = 8192;  // records; a quarter of it more for events
  Spool::Limits dpu_spool;
  Spool::Limits host_spool;
  bool journald = true;  // as well, where there is one
};

class Journal : public Events {
 public:
  static constexpr const char* kNobody = "platform";  // owner of streams without a contract

  struct Stream {
    std::string side;
    std::string service;
    std::string owner;
    bool declared = false;  // by a contract
    uint64_t records = 0;   // since the agent's start
    uint64_t bytes = 0;
    uint64_t dropped = 0;  // found no room in the queue or on the disk
    absl::Time oldest;     // still in the spool
  };

  static absl::StatusOr<std::unique_ptr<Journal>> open(JournalOptions options);
  ~Journal() override;  // writes what is queued

  void record(Event event) override;
  void log(Record record);  // side, owner, generation, monotonic time and, where they are missing, version
                            // and time

  // Host-side records as they were shipped; answers up to which cursor they are kept.  What was kept before
  // is left out, so a replay does no harm.  `dropped` is the host's own count.
  absl::StatusOr<uint64_t> keep(const std::vector<Record>& shipped, uint64_t dropped);

  [[nodiscard]] std::vector<Record> read(const LogQuery& query) const;
  [[nodiscard]] std::vector<Incident> incidents() const;  // ascending
  [[nodiscard]] std::vector<Stream> streams() const;
  [[nodiscard]] const std::string& node() const { return options_.node; }

  // Waits until all that was recorded before is written; false: not in time.
  bool flush(absl::Duration patience);

  // Reads on as records come, of both sides.
  class Follower {
   public:
    Follower(const Journal& journal, LogQuery query);
    std::vector<Record> next();  // at first what read() gives, then what has come since, merged

   private:
    const LogQuery query_;
    const uint64_t dpu_from_;
    const uint64_t host_from_;
    SpoolReader dpu_;
    SpoolReader host_;
    std::vector<Record> history_;
  };

 private:
  struct Item {
    Event event;  // kNote: `record` alone counts
    Record record;
  };

  explicit Journal(JournalOptions options);
  absl::Status open_all();
  void tell_damage();
  void push(Item item, bool important);
  void run();
  std::deque<Item> take(std::map<std::string, uint64_t>& lost);
  void write(Item& item);
  void append(Record& record);
  void watch_disk(bool wrote);
  void watch_clock();
  void say_what_was_lost(const std::map<std::string, uint64_t>& lost);
  void keep_one(Record record);
  void save_incidents();
  void count(const Record& record, bool kept);
  [[nodiscard]] std::string owner_of(const std::string& service, bool* declared = nullptr) const;

  const JournalOptions options_;
  std::unique_ptr<Spool> dpu_;
  std::unique_ptr<Spool> host_;
  std::unique_ptr<IncidentFile> file_;
  Journald journald_;

  mutable std::mutex queue_lock_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::deque<Item> queue_;
  std::map<std::string, uint64_t> lost_;  // by service, for want of room
  bool busy_ = false;
  bool ending_ = false;

  mutable std::mutex lock_;  // incidents and streams
  Incidents incidents_;
  std::map<std::pair<std::string, std::string>, Stream> streams_;
  uint64_t dropped_on_host_ = 0;

  std::mutex host_lock_;         // one shipment at a time
  bool disk_refuses_ = false;    // the writer's, as all below
  uint64_t refused_before_ = 0;  // records, by the disk
  absl::Duration wall_ahead_;    // of the monotonic clock
  std::thread writer_;
};

}  // namespace outrigger::agent
