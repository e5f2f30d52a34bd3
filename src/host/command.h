// The kernel's links and rules are changed by its own tools: `ip`, `bridge`, `nft`, each fed a whole batch on
// its standard input, in the namespace it is meant for.  What is done for each endpoint goes without a
// process: ip_lines.h.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::host {

// What it wrote to standard output, or an error with what it wrote to standard error.  `netns`: a path, or ""
// for this process's own.
absl::StatusOr<std::string> run(const std::string& netns, const std::vector<std::string>& argv,
                                std::string_view input = {});

absl::Status ip_batch(const std::string& netns, const std::string& lines);
absl::Status bridge_batch(const std::string& netns, const std::string& lines);
absl::Status nft(const std::string& netns, const std::string& rules);

std::string netns_path(const std::string& name);  // "/run/netns/NAME"
bool netns_exists(const std::string& path);
std::vector<std::string> netns_names(const std::string& prefix);
std::set<std::string> devices(const std::string& netns);  // without "lo"; none when it cannot be read

// Below /proc/sys/net; "" when there is no such setting.
std::string read_setting(const std::string& netns, const std::string& name);
// What the kernel lacks is returned, the rest written.
std::vector<std::string> write_settings(const std::string& netns,
                                        const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace outrigger::host
