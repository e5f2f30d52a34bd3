// An endpoint's namespace, and the move of what makes it that endpoint (MAC, addresses, routes) from the
// DPU's port to the host path's (fb0) and back.  The old path is shut before the new one is opened: never
// both.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/world.h"

namespace outrigger::host {

inline constexpr char kFallbackDevice[] = "fb0";

struct Guest {
  std::string endpoint;  // "shop/web-1"
  std::string netns;     // a path
  std::string device;    // the DPU's port in it: "eth0"
};

// JSON: [{"endpoint": "shop/web-1", "netns": "/run/netns/web", "device": "eth0"}, ...]
absl::StatusOr<std::vector<Guest>> read_guests(const std::string& file);

// Addresses and routes as `ip -batch` lines with DEV for the device.
struct Belongings {
  std::string addresses, routes;
};

// Of the device as it is now; NotFound when it is not there, or has no address.
absl::StatusOr<Belongings> belongings_of(const Guest& guest);
// As its manifest would have them.
Belongings belongings_of(const NetworkWorld& network, const Place& place);
// From the output of `ip -j addr` and of `ip -j route` of both families.
absl::StatusOr<Belongings> parse_belongings(const std::string& addresses, const std::string& routes_v4,
                                            const std::string& routes_v6);

// Lines that shut `from` (when it is there) and make `to` the endpoint.
std::string move_lines(const Belongings& what, const std::string& from, bool from_exists,
                       const std::string& to, const MacAddress& mac, uint32_t mtu);

}  // namespace outrigger::host
