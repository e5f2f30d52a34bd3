// Incidents must survive the agent, whose own death is one.  A file of JSON lines: each change of an incident
// is one appended line, the last line of a number holds; it is written anew, whole, when it has grown or a
// write failed. Thread-safety: none; the journal's writer holds it.
#pragma once

#include <string>
#include <vector>

#include "dpu/journal/incidents.h"

namespace outrigger::agent {

class IncidentFile {
 public:
  explicit IncidentFile(std::string path) : path_(std::move(path)) {}
  ~IncidentFile();
  IncidentFile(const IncidentFile&) = delete;
  IncidentFile& operator=(const IncidentFile&) = delete;

  // What it holds; lines that are torn or no incident are skipped.
  std::vector<Incident> load();
  // Those of `all` with the numbers in `changed`.
  absl::Status save(const Incidents& all, const std::vector<uint64_t>& changed);

 private:
  absl::Status rewrite(const Incidents& all);

  const std::string path_;
  int file_ = -1;
  size_t bytes_ = 0;
  bool damaged_ = true;  // to be written anew
};

}  // namespace outrigger::agent
