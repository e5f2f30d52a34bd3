#include "dpu/supervise/versions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::agent {

bool VersionBook::failed(const std::string& version, const std::string& why, absl::Time now) {
  Entry& entry = entries_[version];
  entry.failed.push_back(now);
  while (!entry.failed.empty() && now - entry.failed.front() > rule_.window) entry.failed.pop_front();
  if (entry.failed.size() < rule_.failures || !entry.barred.empty()) return false;
  entry.barred = absl::StrCat(entry.failed.size(), " failures within ", absl::FormatDuration(rule_.window),
                              ", the last: ", why);
  return true;
}

void VersionBook::unusable(const std::string& version, const std::string& why) {
  entries_[version].unusable = why;
}

void VersionBook::came_up(const std::string& version) {
  Entry& entry = entries_[version];
  entry.up = true;
  entry.unusable.clear();
}

void VersionBook::was_active(const std::string& version) {
  if (!good_.empty() && good_.back() == version) return;
  std::erase(good_, version);
  good_.push_back(version);
}

std::string VersionBook::lift(const std::string& version) {
  Entry& entry = entries_[version];
  entry.failed.clear();
  entry.unusable.clear();
  return std::exchange(entry.barred, "");
}

void VersionBook::bar(const std::string& version, const std::string& why) { entries_[version].barred = why; }

std::string VersionBook::text() const {
  std::string out;
  for (const auto& [version, entry] : entries_) {
    if (!entry.barred.empty())
      absl::StrAppend(&out, "barred ", version, " ", absl::CEscape(entry.barred), "\n");
  }
  for (const std::string& version : good_) absl::StrAppend(&out, "good ", version, "\n");
  return out;
}

void VersionBook::restore(const std::string& text) {
  for (const auto line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    std::string why;
    if (words.size() == 2 && words[0] == "good") was_active(words[1]);
    if (words.size() == 3 && words[0] == "barred" && absl::CUnescape(words[2], &why)) bar(words[1], why);
  }
}

bool VersionBook::usable(const std::string& version) const { return why(version).empty(); }

bool VersionBook::barred(const std::string& version) const {
  const auto found = entries_.find(version);
  return found != entries_.end() && !found->second.barred.empty();
}

bool VersionBook::has_come_up(const std::string& version) const {
  const auto found = entries_.find(version);
  return found != entries_.end() && found->second.up;
}

std::string VersionBook::why(const std::string& version) const {
  const auto found = entries_.find(version);
  if (found == entries_.end()) return "";
  return found->second.barred.empty() ? found->second.unusable : found->second.barred;
}

uint32_t VersionBook::failures(const std::string& version, absl::Time now) const {
  const auto found = entries_.find(version);
  if (found == entries_.end()) return 0;
  const auto& all = found->second.failed;
  return static_cast<uint32_t>(
      std::count_if(all.begin(), all.end(), [&](absl::Time at) { return now - at <= rule_.window; }));
}

std::string VersionBook::pick(const std::vector<std::string>& installed, const std::string& wanted) const {
  const auto there = [&](const std::string& version) {
    return std::find(installed.begin(), installed.end(), version) != installed.end();
  };
  if (!wanted.empty() && there(wanted) && usable(wanted)) return wanted;
  for (auto it = good_.rbegin(); it != good_.rend(); ++it) {
    if (there(*it) && usable(*it)) return *it;
  }
  for (const std::string& version : installed) {
    if (usable(version)) return version;
  }
  if (!wanted.empty() && there(wanted)) return wanted;
  return installed.empty() ? "" : installed.front();
}

}  // namespace outrigger::agent
