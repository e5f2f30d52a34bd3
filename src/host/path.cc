#include "host/path.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/bundle.h"
#include "host/command.h"
#include "host/gateway_probe.h"
#include "host/ip_lines.h"
#include "host/netns_maker.h"
#include "host/network_plan.h"
#include "host/path_check.h"
#include "host/ruleset.h"

namespace outrigger::host {
namespace {

constexpr size_t kAsked = 3;
constexpr absl::Duration kPatience = absl::Milliseconds(80);

// Never 0, which is the mark of connections that nobody judged.
uint32_t mark_of(uint64_t generation) { return static_cast<uint32_t>(generation % 0x7ffffffe) + 1; }

// Endpoints that cannot be plugged in are not part of the world: nothing is sent to or taken from them.
std::map<uint32_t, Guest> match(World& world, const std::vector<Guest>& guests) {
  std::map<std::string, const Guest*> by_name;
  for (const Guest& guest : guests) by_name[guest.endpoint] = &guest;
  std::map<uint32_t, Guest> matched;
  for (NetworkWorld& network : world.networks) {
    std::vector<Place> kept;
    for (Place& place : network.places) {
      const auto guest = by_name.find(place.name);
      const bool known = guest != by_name.end() && netns_exists(guest->second->netns);
      if (place.local && !known) {
        world.unfit.push_back(
            absl::StrCat("Endpoint ", place.name, ": its namespace is not known here; it stays closed"));
        continue;
      }
      if (place.local) matched[place.id] = *guest->second;
      kept.push_back(std::move(place));
    }
    network.places = std::move(kept);
  }
  return matched;
}

// To write means to wait for the disk.
absl::Status keep(const std::string& file, const std::string& content) {
  const absl::StatusOr<std::string> before = read_file(file);
  return before.ok() && *before == content ? absl::OkStatus() : write_file(file, content);
}

}  // namespace

absl::Status Path::prepare(World world, const std::vector<Guest>& guests) {
  std::map<uint32_t, Guest> matched = match(world, guests);
  world_ = std::move(world);
  guests_ = std::move(matched);
  std::set<std::string> wanted;
  for (const NetworkWorld& network : world_.networks) {
    if (absl::Status status = prepare(network); !status.ok()) return status;
    wanted.insert(absl::StrCat(prefix_, network.vni));
  }
  for (const std::string& name : netns_names(prefix_)) {
    if (!wanted.contains(name)) (void)remove_netns(name);
  }
  for (const auto& [id, guest] : guests_) {
    if (absl::Status status = keep_belongings(guest); !status.ok()) return status;
  }
  return nft("", tunnel_rules(world_));
}

// The rules come before the links: there is no moment in which a port is up without them.
absl::Status Path::prepare(const NetworkWorld& network) {
  const std::string name = absl::StrCat(prefix_, network.vni), netns = netns_path(name);
  if (!netns_exists(netns)) {
    if (absl::Status status = add_netns(name); !status.ok()) return status;
  }
  for (const std::string& missing : write_settings(netns, network_settings())) {
    if (missing.starts_with("bridge/bridge-nf-call-ip")) {
      return absl::FailedPreconditionError("this kernel has no br_netfilter: `modprobe br_netfilter` first");
    }
  }
  std::map<uint32_t, std::string> places;
  for (const auto& [id, guest] : guests_) places[id] = guest.netns;
  const NetworkPlan plan = plan_network(world_, network, prefix_, devices(netns), places);
  if (absl::Status status = ip_batch("", plan.make); !status.ok()) return status;
  if (absl::Status status = ip_batch(netns, plan.links); !status.ok()) return status;
  if (absl::Status status = nft(netns, network_rules(world_, network, mark_of(world_.generation)));
      !status.ok()) {
    return status;
  }
  if (absl::Status status = ip_batch(netns, plan.addresses); !status.ok()) return status;
  return bridge_batch(netns, plan.forwarding);
}

std::string Path::keepsake(const Guest& guest) const {
  return absl::StrCat(folder_, "/endpoint-", absl::StrReplaceAll(guest.endpoint, {{"/", "."}}));
}

// What an operator gave the device by hand must survive the way there and back, and a DPU that dies with it.
absl::Status Path::keep_belongings(const Guest& guest) const {
  const absl::StatusOr<Belongings> now = belongings_of(guest);
  if (!now.ok()) return absl::OkStatus();
  if (absl::Status status = keep(keepsake(guest) + ".addresses", now->addresses); !status.ok()) return status;
  return keep(keepsake(guest) + ".routes", now->routes);
}

Belongings Path::belongings(const NetworkWorld& network, const Place& place, const Guest& guest) const {
  const absl::StatusOr<std::string> addresses = read_file(keepsake(guest) + ".addresses");
  const absl::StatusOr<std::string> routes = read_file(keepsake(guest) + ".routes");
  return addresses.ok() && routes.ok() ? Belongings{*addresses, *routes} : belongings_of(network, place);
}

// Before anything is shut, so that an endpoint is without a path for one batch of `ip` alone.
absl::Status Path::look(const NetworkWorld& /*network*/, const Place& place) {
  const Guest& guest = guests_.at(place.id);
  present_[place.id] = devices(guest.netns);
  return keep_belongings(guest);
}

absl::Status Path::take(const NetworkWorld& network, const Place& place) {
  const Guest& guest = guests_.at(place.id);
  const bool there = present_[place.id].contains(guest.device);
  const bool open = loosened_.contains(place.id);
  const absl::Status status = ip_lines(
      guest.netns, move_lines(belongings(network, place, guest), guest.device, there, kFallbackDevice,
                              open ? std::nullopt : std::optional(place.mac), network.mtu));
  one_again(guest, place.id);
  return status;
}

absl::Status Path::give(const NetworkWorld& network, const Place& place) {
  const Guest& guest = guests_.at(place.id);
  const bool there = present_[place.id].contains(kFallbackDevice);
  const bool open = loosened_.contains(place.id);
  const absl::Status status = ip_lines(
      guest.netns, move_lines(belongings(network, place, guest), kFallbackDevice, there, guest.device,
                              open ? std::nullopt : std::optional(place.mac), network.mtu));
  one_again(guest, place.id);
  return status;
}

// Both devices; the one that carries already is left as it is.
absl::Status Path::open(const NetworkWorld& network, const Place& place) {
  const Guest& guest = guests_.at(place.id);
  const std::set<std::string> both = {guest.device, kFallbackDevice};
  loosened_[place.id] = accept_from_both(guest, both);
  std::string lines;
  for (const std::string& device : both) {
    if (is_open(guest, device, place.mac)) continue;
    absl::StrAppend(&lines, "link set ", device, " down\n", open_lines(device, place.mac, network.mtu));
  }
  return ip_lines(guest.netns, lines);
}

absl::Status Path::shift(const NetworkWorld& network, const Place& place, bool to_host) {
  const Guest& guest = guests_.at(place.id);
  const std::string from = to_host ? guest.device : kFallbackDevice,
                    to = to_host ? kFallbackDevice : guest.device;
  return ip_lines(guest.netns, shift_lines(belongings(network, place, guest), from, to));
}

absl::Status Path::shift_to_host(const NetworkWorld& network, const Place& place) {
  return shift(network, place, true);
}

absl::Status Path::shift_to_dpu(const NetworkWorld& network, const Place& place) {
  return shift(network, place, false);
}

void Path::one_again(const Guest& guest, uint32_t id) {
  const auto loosened = loosened_.find(id);
  if (loosened == loosened_.end()) return;
  accept_as_before(guest, loosened->second);
  loosened_.erase(loosened);
}

absl::Status Path::each(absl::Status (Path::*step)(const NetworkWorld&, const Place&)) {
  absl::Status first;
  for (const NetworkWorld& network : world_.networks) {
    for (const Place& place : network.places) {
      if (!place.local) continue;
      const absl::Status status = (this->*step)(network, place);
      if (!status.ok())
        first.Update(absl::Status(
            status.code(), absl::StrCat("endpoint ", place.name, ": ", std::string(status.message()))));
    }
  }
  return first;
}

absl::Status Path::set_tunnels(bool up) {
  for (const NetworkWorld& network : world_.networks) {
    const NetworkPlan plan =
        plan_network(world_, network, prefix_, {vxlan_name(network), bridge_name(network)}, [&] {
          std::map<uint32_t, std::string> places;
          for (const auto& [id, guest] : guests_) places[id] = guest.netns;
          return places;
        }());
    if (absl::Status status = ip_batch(netns_path(plan.netns), up ? plan.open : plan.close); !status.ok())
      return status;
    // A device that goes down forgets nothing of its own table, but its neighbours are learnt anew.
    if (up) {
      if (absl::Status status = bridge_batch(netns_path(plan.netns), plan.forwarding); !status.ok())
        return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Path::take_over() {
  if (absl::Status status = each(&Path::look); !status.ok()) return status;
  if (absl::Status status = set_tunnels(true); !status.ok()) return status;
  return each(&Path::take);
}

bool Path::ports_are_there() const {
  return std::all_of(guests_.begin(), guests_.end(), [](const auto& entry) {
    return devices(entry.second.netns).contains(entry.second.device);
  });
}

// Most of those that are asked: an endpoint that answers itself must not speak for its host.
bool Path::dpu_answers() const {
  size_t asked = 0, answered = 0;
  for (const NetworkWorld& network : world_.networks) {
    for (const Place& place : network.places) {
      const auto guest = guests_.find(place.id);
      const auto question = guest == guests_.end() ? std::nullopt : question_of(network, place);
      if (!question || asked == kAsked) continue;
      ++asked;
      answered += gateway_answers(guest->second.netns, guest->second.device, *question, kPatience) ? 1 : 0;
    }
  }
  return 2 * answered > asked;
}

// Nothing is changed when one is missing.
absl::Status Path::find_ports() {
  for (const auto& [id, guest] : guests_) {
    present_[id] = devices(guest.netns);
    if (present_[id].contains(guest.device)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("endpoint ", guest.endpoint, ": its port ", guest.device, " is not there yet"));
  }
  return absl::OkStatus();
}

absl::Status Path::open_host() {
  if (absl::Status status = find_ports(); !status.ok()) return status;
  if (absl::Status status = each(&Path::look); !status.ok()) return status;
  if (absl::Status status = set_tunnels(true); !status.ok()) return status;
  return each(&Path::open);
}

absl::Status Path::move_to_host() { return each(&Path::shift_to_host); }

absl::Status Path::open_dpu() {
  if (absl::Status status = find_ports(); !status.ok()) return status;
  return each(&Path::open);
}

absl::Status Path::move_to_dpu() { return each(&Path::shift_to_dpu); }

absl::Status Path::give_back() {
  if (absl::Status status = find_ports(); !status.ok()) return status;
  if (absl::Status status = set_tunnels(false); !status.ok()) return status;
  return each(&Path::give);
}

absl::Status Path::test() {
  if (world_.networks.empty()) return absl::FailedPreconditionError("there is no network to carry");
  if (absl::Status status = check_tunnels(world_.tunnel); !status.ok()) return status;
  for (const NetworkWorld& network : world_.networks) {
    const std::string netns = netns_path(absl::StrCat(prefix_, network.vni));
    if (absl::Status status = check_network(netns, network); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Path::remove() {
  for (const std::string& name : netns_names(prefix_)) {
    if (absl::Status status = remove_netns(name); !status.ok()) return status;
  }
  return nft("", tunnel_rules_removal());
}

}  // namespace outrigger::host
