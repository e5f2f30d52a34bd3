// What an agent writes goes to a file of its own, so that it neither waits for us nor ends with us; here it
// is read on from where it was left, also by the next agent process, and kept small. Thread-safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/descriptor.h"

namespace outrigger::agent {

class LogTail {
 public:
  explicit LogTail(std::string path) : path_(std::move(path)) {}

  Descriptor writer() const;  // for the process; appends
  std::vector<std::string>
  lines();  // whole lines written since; at most kMost of them, the rest counted in one
  std::string last_words() const;  // the last line there is

  static constexpr size_t kMost = 200;
  static constexpr uint64_t kKept = 1 << 20;  // bytes: a larger file is emptied once it is read

 private:
  std::string path_;
  std::string rest_;  // of a line whose end is not written yet
};

}  // namespace outrigger::agent
