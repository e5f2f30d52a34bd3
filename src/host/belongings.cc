// What a device has of an endpoint, as the kernel says.
#include <linux/if_addr.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "base/netns.h"
#include "host/guest.h"
#include "host/netlink.h"

namespace outrigger::host {
namespace {

std::string address_line(const nlmsghdr& answer) {
  const auto& head = *static_cast<const ifaddrmsg*>(::mnl_nlmsg_get_payload(&answer));
  auto value = attribute(answer, sizeof head, IFA_LOCAL);
  if (value.empty()) value = attribute(answer, sizeof head, IFA_ADDRESS);
  if (head.ifa_scope != RT_SCOPE_UNIVERSE || value.empty()) return "";
  return absl::StrCat("addr replace ", address_in(value).str(), "/", head.ifa_prefixlen, " dev DEV",
                      head.ifa_family == AF_INET ? "" : " nodad", "\n");
}

uint32_t number_in(const nlmsghdr& answer, uint16_t type) {
  const auto value = attribute(answer, sizeof(rtmsg), type);
  uint32_t number = 0;
  if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
  return number;
}

// Routes that the kernel made of an address come back with it.
std::string route_line(const nlmsghdr& answer) {
  const auto& head = *static_cast<const rtmsg*>(::mnl_nlmsg_get_payload(&answer));
  const bool wanted = head.rtm_table == RT_TABLE_MAIN && head.rtm_type == RTN_UNICAST &&
                      head.rtm_protocol != RTPROT_KERNEL && (head.rtm_flags & RTM_F_CLONED) == 0;
  if (!wanted) return "";
  const bool v4 = head.rtm_family == AF_INET;
  const auto to = attribute(answer, sizeof head, RTA_DST), via = attribute(answer, sizeof head, RTA_GATEWAY);
  const IpAddress network = to.empty() ? (v4 ? IpAddress::v4(0) : IpAddress{}) : address_in(to);
  std::string line = via.empty() || head.rtm_dst_len > 0
                         ? absl::StrCat("route replace ", network.str(), "/", head.rtm_dst_len)
                         : "route replace default";
  if (!via.empty()) absl::StrAppend(&line, " via ", address_in(via).str());
  absl::StrAppend(&line, " dev DEV");
  if (const uint32_t metric = number_in(answer, RTA_PRIORITY); metric != 0)
    absl::StrAppend(&line, " metric ", metric);
  return line + "\n";
}

absl::StatusOr<Belongings> belongings_here(const std::string& device) {
  const unsigned index = if_nametoindex(device.c_str());
  if (index == 0) return absl::NotFoundError(absl::StrCat("there is no device ", device));
  absl::StatusOr<Netlink> kernel = Netlink::open();
  if (!kernel.ok()) return kernel.status();
  Belongings found;
  absl::Status status = kernel->list({RTM_GETADDR, 0, ifaddrmsg{}}, [&](const nlmsghdr& answer) {
    if (static_cast<const ifaddrmsg*>(::mnl_nlmsg_get_payload(&answer))->ifa_index == index)
      found.addresses += address_line(answer);
  });
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    if (!status.ok()) return status;
    rtmsg head{};
    head.rtm_family = family;
    status = kernel->list({RTM_GETROUTE, 0, head}, [&](const nlmsghdr& answer) {
      if (number_in(answer, RTA_OIF) == index) found.routes += route_line(answer);
    });
  }
  if (!status.ok()) return status;
  if (found.addresses.empty()) return absl::NotFoundError("the device has no address");
  return found;
}

bool is_open_here(const std::string& device, const MacAddress& mac) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq flags{}, hardware{};
  if (device.size() >= IFNAMSIZ) return false;
  std::memcpy(flags.ifr_name, device.c_str(), device.size());
  std::memcpy(hardware.ifr_name, device.c_str(), device.size());
  return ioctl(socket.get(), SIOCGIFFLAGS, &flags) == 0 && (flags.ifr_flags & IFF_UP) != 0 &&
         ioctl(socket.get(), SIOCGIFHWADDR, &hardware) == 0 &&
         MacAddress::load(hardware.ifr_hwaddr.sa_data) == mac;
}

}  // namespace

absl::StatusOr<Belongings> belongings_of(const Guest& guest) {
  absl::StatusOr<Belongings> found = absl::NotFoundError(absl::StrCat("cannot enter ", guest.netns));
  (void)inside_netns(guest.netns, [&] {
    found = belongings_here(guest.device);
    return absl::OkStatus();
  });
  return found;
}

bool is_open(const Guest& guest, const std::string& device, const MacAddress& mac) {
  bool open = false;
  (void)inside_netns(guest.netns, [&] {
    open = is_open_here(device, mac);
    return absl::OkStatus();
  });
  return open;
}

}  // namespace outrigger::host
