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

  // What it holds.  Lines that are no incident are left out, and the file as it was found is set aside; a
  // torn last one is what a kill leaves.
  std::vector<Incident> load();
  [[nodiscard]] const std::string& damage() const { return damage_text_; }  // that load() found; "": none
  // Those of `all` with the numbers in `changed`.
  absl::Status save(const Incidents& all, const std::vector<uint64_t>& changed);
  [[nodiscard]] bool behind() const { return damaged_; }  // a save failed, or there was none yet

 private:
  absl::Status rewrite(const Incidents& all);
  void set_aside(size_t lines, size_t first);

  const std::string path_;
  int file_ = -1;
  size_t bytes_ = 0;
  bool damaged_ = true;  // to be written anew
  std::string damage_text_;
};

}  // namespace outrigger::agent
