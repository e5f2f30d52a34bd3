// One line per field when a file of ours is read: where the value goes, and what it may be.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "manifest/spot.h"

namespace outrigger::offload {

// Reads one document of at most kMaxSourceBytes and hands its root on; InvalidArgument with every fault.
absl::Status read_document(std::string_view yaml, const std::string& file, const std::string& what,
                           const std::function<void(const manifest::Spot&)>& read);

// Absent fields leave `to` as it is; faults go to the map's report.
void take(const manifest::Map& map, std::string_view key, std::string& to);
void take(const manifest::Map& map, std::string_view key, bool& to);
void take(const manifest::Map& map, std::string_view key, double& to);  // at least 0, finite
void take(const manifest::Map& map, std::string_view key, uint64_t& to);
void take(const manifest::Map& map, std::string_view key, uint32_t& to);
void take(const manifest::Map& map, std::string_view key, std::vector<std::string>& to);

}  // namespace outrigger::offload
