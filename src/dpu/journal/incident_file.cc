#include "dpu/journal/incident_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/cursor_file.h"

namespace outrigger::agent {

namespace {

constexpr size_t kMaxBytes = 4 << 20;

}  // namespace

IncidentFile::~IncidentFile() {
  if (file_ >= 0) close(file_);
}

std::vector<Incident> IncidentFile::load() {
  std::map<uint64_t, Incident> latest;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    auto incident = incident_from_json(line);
    if (incident.ok()) latest.insert_or_assign(incident->number, *std::move(incident));
  }
  std::vector<Incident> found;
  for (auto& [number, incident] : latest) found.push_back(std::move(incident));
  return found;
}

absl::Status IncidentFile::save(const Incidents& all, const std::vector<uint64_t>& changed) {
  if (damaged_ || bytes_ > kMaxBytes) return rewrite(all);
  std::string lines;
  for (const uint64_t number : changed) {
    if (const Incident* incident = all.find(number)) absl::StrAppend(&lines, to_json(*incident), "\n");
  }
  const ssize_t written = write(file_, lines.data(), lines.size());
  damaged_ = written != static_cast<ssize_t>(lines.size());
  if (damaged_) return rewrite(all);
  bytes_ += lines.size();
  return absl::OkStatus();
}

absl::Status IncidentFile::rewrite(const Incidents& all) {
  std::string lines;
  for (const Incident& incident : all.all()) absl::StrAppend(&lines, to_json(incident), "\n");
  damaged_ = true;
  if (absl::Status status = replace_file(path_, lines); !status.ok()) return status;
  if (file_ >= 0) close(file_);
  file_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path_));
  bytes_ = lines.size();
  damaged_ = false;
  return absl::OkStatus();
}

}  // namespace outrigger::agent
