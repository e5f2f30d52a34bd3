#include "host/guest.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/bundle.h"
#include "host/command.h"
#include "nlohmann/json.hpp"

namespace outrigger::host {
namespace {

using nlohmann::json;

// nullptr-safe: parsing never throws, and what is not there is empty.
std::string word(const json& from, const char* key) {
  const auto found = from.is_object() ? from.find(key) : from.end();
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string on(const std::string& lines, const std::string& device) {
  return absl::StrReplaceAll(lines, {{" DEV", absl::StrCat(" ", device)}});
}

// Routes that the kernel made of an address come back with it.
std::string route_lines(const json& routes) {
  std::string lines;
  for (const json& route : routes) {
    if (word(route, "protocol") == "kernel" || word(route, "dst").empty()) continue;
    absl::StrAppend(&lines, "route replace ", word(route, "dst"));
    if (const std::string gateway = word(route, "gateway"); !gateway.empty())
      absl::StrAppend(&lines, " via ", gateway);
    absl::StrAppend(&lines, " dev DEV");
    if (route.contains("metric") && route["metric"].is_number()) {
      absl::StrAppend(&lines, " metric ", route["metric"].get<uint32_t>());
    }
    absl::StrAppend(&lines, "\n");
  }
  return lines;
}

}  // namespace

absl::StatusOr<std::vector<Guest>> read_guests(const std::string& file) {
  const absl::StatusOr<std::string> text = read_file(file);
  if (!text.ok()) return text.status();
  const json list = json::parse(*text, nullptr, false);
  if (!list.is_array()) return absl::InvalidArgumentError(absl::StrCat(file, ": is not a JSON list"));
  std::vector<Guest> guests;
  std::set<std::string> seen;
  for (const json& one : list) {
    Guest guest{word(one, "endpoint"), word(one, "netns"), word(one, "device")};
    if (guest.endpoint.empty() || guest.netns.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": entry ", guests.size(), " lacks endpoint or netns"));
    }
    if (!seen.insert(guest.endpoint).second) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": endpoint ", guest.endpoint, " is there twice"));
    }
    if (guest.device.empty()) guest.device = "eth0";
    if (guest.netns.find('/') == std::string::npos) guest.netns = netns_path(guest.netns);
    guests.push_back(std::move(guest));
  }
  return guests;
}

absl::StatusOr<Belongings> parse_belongings(const std::string& addresses, const std::string& routes_v4,
                                            const std::string& routes_v6) {
  const json links = json::parse(addresses, nullptr, false);
  if (!links.is_array()) return absl::DataLossError("ip -j addr: what it said cannot be read");
  Belongings found;
  for (const json& link : links) {
    const auto info = link.is_object() ? link.find("addr_info") : link.end();
    if (info == link.end()) continue;
    for (const json& one : *info) {
      const std::string local = word(one, "local");
      if (word(one, "scope") != "global" || local.empty() || !one.contains("prefixlen")) continue;
      const bool v4 = word(one, "family") == "inet";
      absl::StrAppend(&found.addresses, "addr replace ", local, "/", one["prefixlen"].get<uint32_t>(),
                      " dev DEV", v4 ? "" : " nodad", "\n");
    }
  }
  if (found.addresses.empty()) return absl::NotFoundError("the device has no address");
  const json v4 = json::parse(routes_v4, nullptr, false), v6 = json::parse(routes_v6, nullptr, false);
  found.routes = route_lines(v4) + route_lines(v6);
  return found;
}

absl::StatusOr<Belongings> belongings_of(const Guest& guest) {
  const auto addresses = run(guest.netns, {"ip", "-j", "addr", "show", "dev", guest.device});
  if (!addresses.ok()) return absl::NotFoundError(addresses.status().message());
  const auto v4 = run(guest.netns, {"ip", "-j", "-4", "route", "show", "dev", guest.device});
  const auto v6 = run(guest.netns, {"ip", "-j", "-6", "route", "show", "dev", guest.device});
  return parse_belongings(*addresses, v4.ok() ? *v4 : "[]", v6.ok() ? *v6 : "[]");
}

Belongings belongings_of(const NetworkWorld& network, const Place& place) {
  Belongings made;
  for (const IpAddress& address : place.addresses) {
    const bool v4 = address.is_v4();
    unsigned length = v4 ? 32 : 128;
    for (const Subnet& subnet : network.subnets) {
      if (!subnet.prefix.contains(address)) continue;
      length = subnet.prefix.family_length();
      absl::StrAppend(&made.routes, "route replace default via ", subnet.gateway.str(), " dev DEV\n");
    }
    absl::StrAppend(&made.addresses, "addr replace ", address.str(), "/", length, " dev DEV",
                    v4 ? "" : " nodad", "\n");
  }
  return made;
}

std::string open_lines(const std::string& device, const std::optional<MacAddress>& mac, uint32_t mtu) {
  return absl::StrCat(mac ? absl::StrCat("link set ", device, " address ", mac->str(), "\n") : "",
                      "link set ", device, " mtu ", mtu, "\nlink set ", device, " up\n");
}

std::string shift_lines(const Belongings& what, const std::string& from, const std::string& to) {
  return absl::StrCat(on(what.addresses, to), on(what.routes, to), "addr flush dev ", from, "\n");
}

std::string move_lines(const Belongings& what, const std::string& from, bool from_exists,
                       const std::string& to, const std::optional<MacAddress>& mac, uint32_t mtu) {
  return absl::StrCat(
      from_exists ? absl::StrCat("link set ", from, " down\naddr flush dev ", from, "\n") : "",
      open_lines(to, mac, mtu), on(what.addresses, to), on(what.routes, to));
}

bool is_open(const Guest& guest, const std::string& device, const MacAddress& mac) {
  const auto shown = run(guest.netns, {"ip", "-j", "link", "show", "dev", device});
  if (!shown.ok()) return false;
  const json links = json::parse(*shown, nullptr, false);
  if (!links.is_array() || links.empty() || !links[0].contains("flags")) return false;
  const json& flags = links[0]["flags"];
  return word(links[0], "address") == mac.str() && std::find(flags.begin(), flags.end(), "UP") != flags.end();
}

std::set<std::string> accept_from_both(const Guest& guest, const std::set<std::string>& devices) {
  std::set<std::string> loosened;
  for (const std::string& device : devices) {
    const auto filter = run(guest.netns, {"cat", "/proc/sys/net/ipv4/conf/all/rp_filter",
                                          absl::StrCat("/proc/sys/net/ipv4/conf/", device, "/rp_filter")});
    if (!filter.ok() || filter->find('1') == std::string::npos) continue;
    (void)write_settings(guest.netns, {{absl::StrCat("ipv4/conf/", device, "/rp_filter"), "2"}});
    loosened.insert(device);
  }
  return loosened;
}

void accept_as_before(const Guest& guest, const std::set<std::string>& devices) {
  for (const std::string& device : devices)
    (void)write_settings(guest.netns, {{absl::StrCat("ipv4/conf/", device, "/rp_filter"), "1"}});
}

}  // namespace outrigger::host
