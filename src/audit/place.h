// Where in the machine something is done: in this process's network namespace or in another's, and of a guest
// what an intruder in it knows of itself.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "base/netns.h"

namespace outrigger::audit {

struct Guest {
  std::string netns;  // path
  std::string device;
  MacAddress mac;
  std::optional<IpAddress> v4, v6;
  IpPrefix subnet;  // of v4
};

// "NAME/eth0" or "/run/netns/NAME/eth0".  Errors name it and what it lacks.
absl::StatusOr<Guest> open_guest(const std::string& place);

// The MAC that a guest sends to in order to reach an address: the address's own in its subnet, else the
// gateway's.
absl::StatusOr<MacAddress> next_hop(const Guest& guest, IpAddress to);
// The gateway's; NotFound without a default route.
absl::StatusOr<MacAddress> gateway(const Guest& guest);
std::optional<IpAddress> default_gateway(const Guest& guest);

}  // namespace outrigger::audit
