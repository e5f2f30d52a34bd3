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
  size_t at = 0, damaged = 0, first = 0;
  for (std::string line; std::getline(file, line);) {
    ++at;
    auto incident = incident_from_json(line);
    if (incident.ok()) {
      latest.insert_or_assign(incident->number, *std::move(incident));
    } else if (!file.eof() && damaged++ == 0) {
      first = at;
    }
  }
  if (damaged > 0) set_aside(damaged, first);
  std::vector<Incident> found;
  for (auto& [number, incident] : latest) found.push_back(std::move(incident));
  return found;
}

// A second name for it: the next save puts another file in the place of the first.
void IncidentFile::set_aside(size_t lines, size_t first) {
  const std::string aside = path_ + ".damaged";
  unlink(aside.c_str());
  const bool kept = link(path_.c_str(), aside.c_str()) == 0;
  damage_text_ =
      absl::StrCat(path_, " line ", first, ": not an incident; ", lines, " such lines are left out",
                   kept ? absl::StrCat(", all is kept as ", aside) : "");
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
