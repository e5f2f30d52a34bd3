// Files that appear whole or not at all, with their mode from the first byte on.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace outrigger::secure {

absl::StatusOr<std::string> read_file(const std::string& path);
absl::Status replace_file(const std::string& path, const std::string& text, mode_t mode);

}  // namespace outrigger::secure
