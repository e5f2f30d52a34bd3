// A name for one request, so that a daemon that is asked again, its answer having been lost, does it once.
#pragma once

#include <random>
#include <string>

#include "absl/strings/str_format.h"

namespace outrigger::cli {

inline std::string request_id() {
  std::random_device random;
  return absl::StrFormat("%08x%08x", random(), random());
}

}  // namespace outrigger::cli
