// An endpoint's namespace, and the move of what makes it that endpoint (MAC, addresses, routes) from the
// DPU's port to the host path's (fb0) and back.  Either in one go, the old device shut before the new one is
// opened; or in three: the new one opened beside the old, the endpoint moved to it while both receive, the
// old one shut.
#pragma once

#include <optional>
#include <set>
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

// Lines that make `device` receive what is meant for the endpoint.  `mac` is left out where the device has
// it: not every one takes another, or even the same, while it is up.
std::string open_lines(const std::string& device, const std::optional<MacAddress>& mac, uint32_t mtu);
// Lines that move addresses and routes from one open device to another.  Each route is replaced in one step,
// and an address is there before it is gone.
std::string shift_lines(const Belongings& what, const std::string& from, const std::string& to);
// Lines that shut `from` (when it is there) and make `to` the endpoint.
std::string move_lines(const Belongings& what, const std::string& from, bool from_exists,
                       const std::string& to, const std::optional<MacAddress>& mac, uint32_t mtu);

// Whether the device is up with this MAC.
bool is_open(const Guest& guest, const std::string& device, const MacAddress& mac);
// While both devices receive, answers leave by one of them: a filter that wants them to leave where the
// question came from is loosened (RFC 3704 §2.4), and put back.  Returns those devices where it had to be.
std::set<std::string> accept_from_both(const Guest& guest, const std::set<std::string>& devices);
void accept_as_before(const Guest& guest, const std::set<std::string>& devices);

}  // namespace outrigger::host
