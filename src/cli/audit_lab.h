// What `audit boundary` must be told of a lab: the lab knows where everything is, the audit itself knows
// nothing but its options.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands.h"

namespace outrigger::cli {

struct AuditPlace {
  std::string node;
  std::string netns;                   // of the host; "" where the lab makes no host side for the node
  std::vector<std::string> arguments;  // "--link", "169.254.7.1:7444", ...
};

// Which traffic is allowed and which is denied is asked of the node: while its host carries, it knows of
// neither. The place of one moment serves for another, with the guests where they are then.
std::string guest_now(const std::string& netns);  // NETNS/DEVICE

// `node` empty: the first with a host side, else the first.
absl::StatusOr<AuditPlace> audit_place(const Context& context, const std::string& lab,
                                       const std::string& node);

}  // namespace outrigger::cli
