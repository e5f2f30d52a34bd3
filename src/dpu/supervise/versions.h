// A version that fails again and again must not be started for ever: after so many failures within a time it
// is barred, and the version that was good before takes its place.  A version that never came up is unusable,
// with why.  When nothing else is left, what is barred is tried all the same: a node without an engine
// carries nothing.  Bars and good versions are written down by the owner: a restart must not forget them.
// Thread-safety: one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace outrigger::agent {

struct BarRule {
  unsigned failures = 3;
  absl::Duration window = absl::Seconds(60);
};

class VersionBook {
 public:
  explicit VersionBook(BarRule rule) : rule_(rule) {}

  // It crashed or hung while it ran; true when that bars it.
  bool failed(const std::string& version, const std::string& why, absl::Time now);
  void unusable(const std::string& version, const std::string& why);
  void came_up(const std::string& version);     // no longer unusable
  void was_active(const std::string& version);  // good: to be used again when a later one is not
  // Somebody asks for it again.  Why it was barred, to bar it again should that fail; "" when it was not.
  std::string lift(const std::string& version);
  void bar(const std::string& version, const std::string& why);

  [[nodiscard]] bool usable(const std::string& version) const;
  [[nodiscard]] bool barred(const std::string& version) const;
  [[nodiscard]] bool has_come_up(const std::string& version) const;
  [[nodiscard]] std::string why(const std::string& version) const;  // barred or unusable: why
  [[nodiscard]] uint32_t failures(const std::string& version, absl::Time now) const;
  // What must outlive this process, a line each; restore() leaves out what it does not understand.
  [[nodiscard]] std::string text() const;
  void restore(const std::string& text);
  // `wanted` if it may be, else the last good one, else the highest installed.  "" when none is installed.
  [[nodiscard]] std::string pick(const std::vector<std::string>& installed, const std::string& wanted) const;

 private:
  struct Entry {
    std::deque<absl::Time> failed;
    std::string barred;
    std::string unusable;
    bool up = false;
  };
  BarRule rule_;
  std::map<std::string, Entry> entries_;
  std::vector<std::string> good_;  // the last active last
};

}  // namespace outrigger::agent
