#include "audit/place.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/descriptor.h"

namespace outrigger::audit {
namespace {

constexpr int kTries = 20;  // for the answer to an ARP request, 50 ms apart

void take_address(const ifaddrs& one, Guest& guest) {
  if (one.ifa_addr->sa_family == AF_PACKET) {
    guest.mac = MacAddress::load(reinterpret_cast<const sockaddr_ll*>(one.ifa_addr)->sll_addr);
  } else if (one.ifa_addr->sa_family == AF_INET && !guest.v4) {
    guest.v4 = IpAddress::load_v4(&reinterpret_cast<const sockaddr_in*>(one.ifa_addr)->sin_addr);
    const uint32_t mask = reinterpret_cast<const sockaddr_in*>(one.ifa_netmask)->sin_addr.s_addr;
    const auto length = static_cast<uint8_t>(96 + std::popcount(mask));
    guest.subnet = {IpPrefix::mask(*guest.v4, length), length};
  } else if (one.ifa_addr->sa_family == AF_INET6) {
    const IpAddress found =
        IpAddress::load_v6(&reinterpret_cast<const sockaddr_in6*>(one.ifa_addr)->sin6_addr);
    if (!found.is_link_local() && !guest.v6) guest.v6 = found;
  }
}

absl::Status read_addresses(Guest& guest) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return absl::ErrnoToStatus(errno, "getifaddrs");
  const absl::Cleanup free_all = [all] { freeifaddrs(all); };
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr != nullptr && guest.device == one->ifa_name) take_address(*one, guest);
  }
  if (guest.v4 && !guest.mac.is_zero()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("no device ", guest.device, " with an IPv4 address"));
}

IpAddress from_hex(const std::string& text) {  // as /proc/net/route writes it
  return IpAddress::v4(ntohl(static_cast<uint32_t>(std::stoul("0" + text, nullptr, 16))));
}

absl::StatusOr<IpAddress> route_gateway(const Guest& guest) {
  std::ifstream table("/proc/thread-self/net/route");
  std::string line, device, to, via;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream(line) >> device >> to >> via;
    if (device == guest.device && to == "00000000") return from_hex(via);
  }
  return absl::NotFoundError(absl::StrCat(guest.netns, " has no default route"));
}

std::optional<MacAddress> known_neighbour(IpAddress address) {
  std::ifstream table("/proc/thread-self/net/arp");
  std::string line, ip, type, flags, mac;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream(line) >> ip >> type >> flags >> mac;
    const auto found = MacAddress::parse(mac);
    if (ip == address.str() && found && !found->is_zero()) return found;
  }
  return std::nullopt;
}

// A datagram to nobody makes the kernel ask who has the address.
void ask_for(IpAddress address) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  address.store_v4(&to.sin_addr);
  (void)sendto(socket.get(), "", 1, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

absl::StatusOr<MacAddress> resolve(const Guest& guest, IpAddress address) {
  for (int i = 0; i < kTries; ++i) {
    if (const auto found = known_neighbour(address)) return *found;
    ask_for(address);
    absl::SleepFor(absl::Milliseconds(50));
  }
  return absl::NotFoundError(absl::StrCat("nobody answers for ", address.str(), " in ", guest.netns));
}

absl::StatusOr<MacAddress> look_up(const Guest& guest, std::optional<IpAddress> to) {
  absl::StatusOr<MacAddress> found;
  const absl::Status status = inside_netns(guest.netns, [&] {
    absl::StatusOr<IpAddress> hop = to ? *to : route_gateway(guest);
    found = hop.ok() ? resolve(guest, *hop) : hop.status();
    return found.status();
  });
  return status.ok() ? found : status;
}

}  // namespace

absl::StatusOr<Guest> open_guest(const std::string& place) {
  const size_t slash = place.rfind('/');
  if (slash == place.npos || slash == 0 || slash + 1 == place.size())
    return absl::InvalidArgumentError(absl::StrCat("\"", place, "\" is not NETNS/DEVICE"));
  Guest guest{.netns = place.substr(0, slash), .device = place.substr(slash + 1)};
  if (guest.netns.front() != '/') guest.netns = absl::StrCat("/run/netns/", guest.netns);
  const absl::Status status = inside_netns(guest.netns, [&guest] { return read_addresses(guest); });
  if (!status.ok()) return absl::Status(status.code(), absl::StrCat(place, ": ", status.message()));
  return guest;
}

absl::StatusOr<MacAddress> next_hop(const Guest& guest, IpAddress to) {
  return guest.subnet.contains(to) ? look_up(guest, to) : gateway(guest);
}

std::optional<IpAddress> default_gateway(const Guest& guest) {
  absl::StatusOr<IpAddress> found;
  const absl::Status status =
      inside_netns(guest.netns, [&] { return (found = route_gateway(guest)).status(); });
  return status.ok() ? std::optional(*found) : std::nullopt;
}

absl::StatusOr<MacAddress> gateway(const Guest& guest) { return look_up(guest, std::nullopt); }

}  // namespace outrigger::audit
