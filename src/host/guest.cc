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

std::set<std::string> accept_from_both(const Guest& guest, const std::set<std::string>& devices) {
  const bool everywhere = read_setting(guest.netns, "ipv4/conf/all/rp_filter") == "1";
  std::set<std::string> loosened;
  for (const std::string& device : devices) {
    const std::string name = absl::StrCat("ipv4/conf/", device, "/rp_filter");
    if (!everywhere && read_setting(guest.netns, name) != "1") continue;
    (void)write_settings(guest.netns, {{name, "2"}});
    loosened.insert(device);
  }
  return loosened;
}

void accept_as_before(const Guest& guest, const std::set<std::string>& devices) {
  for (const std::string& device : devices)
    (void)write_settings(guest.netns, {{absl::StrCat("ipv4/conf/", device, "/rp_filter"), "1"}});
}

}  // namespace outrigger::host
