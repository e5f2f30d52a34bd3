// A machine that cannot hold a lab says so before anything is made.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace outrigger::lab {

// FailedPrecondition names everything that is missing and how to get it.
absl::Status check_requirements(const std::string& daemon);

// The folder or file of manifests: as given, made absolute; else examples/two-hosts, sought from the working
// directory and from this program upwards, then where packages install it.
absl::StatusOr<std::string> find_manifests(const std::string& given);

}  // namespace outrigger::lab
