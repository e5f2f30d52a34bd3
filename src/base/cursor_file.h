// How far a reader has come, kept over its death: one number in a file that is replaced whole.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace outrigger {

class CursorFile {
 public:
  explicit CursorFile(std::string path) : path_(std::move(path)) {}
  // 0 when there is none, or none that can be read.
  [[nodiscard]] uint64_t load() const;
  [[nodiscard]] absl::Status store(uint64_t cursor) const;

 private:
  std::string path_;
};

// Writes beside it, then renames: whoever reads sees the old text or the new, never a part.
[[nodiscard]] absl::Status replace_file(const std::string& path, const std::string& text);

}  // namespace outrigger
