// Engines, ports and sidecars write lines to a file or a pipe of their own and know nothing of records.  This
// reads those lines as they come and makes records of them, with the service and version they are of.
//
// Theory of operation: one thread looks at every source a few times a second.  A file is read on from where
// the agent before us came to (kept in `positions`), is followed over its replacement, and what was read of a
// long one is given back to the disk without moving what follows.  A source that floods is cut short, and
// what was left out is counted. Thread-safety: any thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "dpu/journal/journal.h"

namespace outrigger::agent {

struct OutputOf {
  std::string service;  // "engine", "ports", "bgp"
  std::string version;
  std::string subject;  // "slot 0", for the evidence; may be empty
};

// What a line says of its own severity: spdlog's level, a word at its start, DPDK's and FRR's habits.
Severity severity_in(std::string_view line);

class Outputs {
 public:
  // `positions`: a file that remembers how far each was read.
  Outputs(Journal& journal, std::string positions);
  ~Outputs();
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // The same path again: from now on its lines are of another version.  It need not exist yet.
  void follow_file(const std::string& path, OutputOf of);
  void forget_file(const std::string& path);      // after a last look
  void follow_pipe(int descriptor, OutputOf of);  // takes it over, until its writers are gone
  void look();                                    // at all of them, now

 private:
  struct Source {
    std::string path;  // empty: a pipe
    OutputOf of;
    int file = -1;
    ino_t inode = 0;
    uint64_t offset = 0;
    uint64_t freed = 0;
    std::string partial;
    uint64_t left_out = 0;
    bool over = false;
  };

  void run();
  bool reopen(Source& source);
  void read(Source& source);
  void lines(Source& source, size_t& room);
  void say(const Source& source, std::string_view line, Severity severity);
  void free_what_was_read(Source& source);
  void load_positions();
  void save_positions();

  Journal& journal_;
  const std::string positions_file_;
  std::mutex lock_;
  std::list<Source> sources_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> positions_;  // path: inode, offset
  bool moved_ = false;
  std::atomic<bool> ending_ = false;
  std::thread reader_;
};

}  // namespace outrigger::agent
