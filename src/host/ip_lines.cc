#include "host/ip_lines.h"

#include <linux/if_addr.h>
#include <net/if.h>

#include <cerrno>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/netns.h"
#include "host/netlink.h"

namespace outrigger::host {
namespace {

constexpr int kRounds = 4;

using Words = std::vector<std::string>;

absl::Status unknown() { return absl::InvalidArgumentError("is no line that can be said to the kernel"); }

struct Range {
  IpAddress address;
  uint32_t length = 0;  // as the family counts
};

// Bits beyond the length stay: "10.1.0.11/24" is an address in its network.
std::optional<Range> range_of(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  const auto address = IpAddress::parse(parts[0]);
  if (!address || parts.size() > 2) return std::nullopt;
  Range range{*address, address->is_v4() ? 32u : 128u};
  uint32_t length = range.length;
  if (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &length) || length > range.length))
    return std::nullopt;
  range.length = length;
  return range;
}

uint8_t family_of(const IpAddress& address) { return address.is_v4() ? AF_INET : AF_INET6; }

class Speaker {
 public:
  explicit Speaker(Netlink& kernel) : kernel_(kernel) {}

  absl::Status say(const Words& words) {
    if (words.size() >= 4 && words[0] == "link" && words[1] == "set") return link(words);
    if (words.size() == 4 && words[0] == "addr" && words[1] == "flush") return flush(words[3]);
    if (words.size() >= 5 && words[0] == "addr" && words[1] == "replace") return address(words);
    if (words.size() >= 5 && words[0] == "route" && words[1] == "replace") return route(words);
    return unknown();
  }

 private:
  static absl::StatusOr<int> index_of(const std::string& device) {
    const unsigned index = if_nametoindex(device.c_str());
    if (index == 0) return absl::NotFoundError(absl::StrCat("there is no device ", device));
    return static_cast<int>(index);
  }

  absl::Status link(const Words& words) {
    const auto index = index_of(words[2]);
    if (!index.ok()) return index.status();
    ifinfomsg head{};
    head.ifi_family = AF_UNSPEC;
    head.ifi_index = *index;
    if (words.size() == 4 && (words[3] == "up" || words[3] == "down")) {
      head.ifi_change = IFF_UP;
      head.ifi_flags = words[3] == "up" ? IFF_UP : 0;
      return kernel_.change({RTM_SETLINK, 0, head});
    }
    NetlinkMessage message(RTM_SETLINK, 0, head);
    uint32_t mtu = 0;
    if (words.size() == 5 && words[3] == "mtu" && absl::SimpleAtoi(words[4], &mtu))
      return kernel_.change(message.add(IFLA_MTU, mtu));
    const auto mac = words.size() == 5 ? MacAddress::parse(words[4]) : std::nullopt;
    if (words[3] != "address" || !mac) return unknown();
    return kernel_.change(message.add(IFLA_ADDRESS, mac->bytes.data(), mac->bytes.size()));
  }

  // An address that goes may take others of its network with it, and removing these then fails: what counts
  // is that none is left.
  absl::Status flush(const std::string& device) {
    const auto index = index_of(device);
    if (!index.ok()) return index.status();
    absl::Status refused;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<NetlinkMessage> removals;
      const absl::Status listed = kernel_.list({RTM_GETADDR, 0, ifaddrmsg{}}, [&](const nlmsghdr& answer) {
        if (auto one = removal_of(answer, *index)) removals.push_back(*std::move(one));
      });
      if (!listed.ok() || removals.empty()) return listed;
      for (const NetlinkMessage& one : removals) refused = kernel_.change(one);
    }
    return refused;
  }

  static std::optional<NetlinkMessage> removal_of(const nlmsghdr& answer, int index) {
    const auto& head = *static_cast<const ifaddrmsg*>(::mnl_nlmsg_get_payload(&answer));
    if (static_cast<int>(head.ifa_index) != index) return std::nullopt;
    NetlinkMessage removal(RTM_DELADDR, 0, head);
    for (const uint16_t type : {IFA_LOCAL, IFA_ADDRESS}) {
      const auto value = attribute(answer, sizeof head, type);
      if (!value.empty()) removal.add(type, value.data(), value.size());
    }
    return removal;
  }

  absl::Status address(const Words& words) {
    const auto range = range_of(words[2]);
    const bool nodad = words.size() == 6 && words[5] == "nodad";
    if (!range || words[3] != "dev" || (words.size() != 5 && !nodad)) return unknown();
    const auto index = index_of(words[4]);
    if (!index.ok()) return index.status();
    ifaddrmsg head{};
    head.ifa_family = family_of(range->address);
    head.ifa_prefixlen = static_cast<uint8_t>(range->length);
    head.ifa_index = static_cast<uint32_t>(*index);
    head.ifa_flags = nodad ? IFA_F_NODAD : 0;
    NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, head);
    return kernel_.change(message.add(IFA_LOCAL, range->address).add(IFA_ADDRESS, range->address));
  }

  absl::Status route(const Words& words) {
    std::optional<IpAddress> via;
    std::string device;
    uint32_t metric = 0;
    for (size_t i = 3; i + 1 < words.size(); i += 2) {
      if (words[i] == "via" && (via = IpAddress::parse(words[i + 1]))) continue;
      if (words[i] == "metric" && absl::SimpleAtoi(words[i + 1], &metric)) continue;
      if (words[i] != "dev") return unknown();
      device = words[i + 1];
    }
    const bool v6 = via && !via->is_v4();
    const auto range = range_of(words[2] != "default" ? words[2] : v6 ? "::/0" : "0.0.0.0/0");
    if (!range || device.empty() || words.size() % 2 == 0) return unknown();
    const auto index = index_of(device);
    if (!index.ok()) return index.status();
    rtmsg head{};
    head.rtm_family = family_of(range->address);
    head.rtm_dst_len = static_cast<uint8_t>(range->length);
    head.rtm_table = RT_TABLE_MAIN;
    head.rtm_protocol = RTPROT_BOOT;
    head.rtm_scope = !via && range->address.is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    head.rtm_type = RTN_UNICAST;
    NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, head);
    if (range->length > 0) message.add(RTA_DST, range->address);
    if (via) message.add(RTA_GATEWAY, *via);
    if (metric > 0) message.add(RTA_PRIORITY, metric);
    return kernel_.change(message.add(RTA_OIF, static_cast<uint32_t>(*index)));
  }

  Netlink& kernel_;
};

absl::Status say_all(const std::string& lines) {
  absl::StatusOr<Netlink> kernel = Netlink::open();
  if (!kernel.ok()) return kernel.status();
  Speaker speaker(*kernel);
  for (const auto line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const absl::Status status = speaker.say(absl::StrSplit(line, ' ', absl::SkipEmpty()));
    if (!status.ok())
      return absl::Status(status.code(), absl::StrCat(line, ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ip_lines(const std::string& netns, const std::string& lines) {
  if (lines.empty()) return absl::OkStatus();
  return inside_netns(netns, [&] { return say_all(lines); });
}

}  // namespace outrigger::host
