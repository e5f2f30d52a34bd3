// Devices that are work: tunnels, bridges, Open vSwitch's datapath; and what shapes or filters on devices.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/str_cat.h"
#include "inventory/kernel_work.h"
#include "inventory/netlink.h"

namespace outrigger::inventory {

namespace {

struct Link {
  std::string name, kind;
  uint32_t flags = 0, vni = 0;
};
using Links = std::map<int, Link>;

// Kinds of rtnetlink that are infrastructure work, and the service that all devices of a kind make up.
constexpr std::array<std::pair<std::string_view, const char*>, 14> kWork = {{{"vxlan", "vxlan"},
                                                                             {"geneve", "geneve"},
                                                                             {"gre", "gre"},
                                                                             {"gretap", "gre"},
                                                                             {"ip6gre", "gre"},
                                                                             {"ip6gretap", "gre"},
                                                                             {"erspan", "gre"},
                                                                             {"ipip", "ipip"},
                                                                             {"ip6tnl", "ipip"},
                                                                             {"sit", "ipip"},
                                                                             {"wireguard", "wireguard"},
                                                                             {"bridge", "bridge"},
                                                                             {"openvswitch", "openvswitch"},
                                                                             {"vrf", "vrf"}}};

// What every device has, or the kernel gives it unasked.
constexpr std::array<std::string_view, 7> kOrdinaryQdiscs = {"noqueue", "pfifo_fast", "fq_codel", "fq",
                                                             "mq",      "noop",       "pfifo"};

void read_info(const nlattr& info, Link& to) {
  for_nested(info, [&](const nlattr& part) {
    if (::mnl_attr_get_type(&part) == IFLA_INFO_KIND) to.kind = text_of(part);
    if (::mnl_attr_get_type(&part) != IFLA_INFO_DATA || to.kind != "vxlan") return;
    for_nested(part, [&](const nlattr& one) {
      if (::mnl_attr_get_type(&one) == IFLA_VXLAN_ID) to.vni = number_of(one);
    });
  });
}

absl::Status read_links(Links& links) {
  Question question(RTM_GETLINK, NLM_F_DUMP, sizeof(ifinfomsg));
  return ask(NETLINK_ROUTE, question, [&](const nlmsghdr& message) {
    const auto* info = static_cast<const ifinfomsg*>(::mnl_nlmsg_get_payload(&message));
    Link& link = links[info->ifi_index];
    link.flags = info->ifi_flags;
    for_attributes(message, sizeof(ifinfomsg), [&](const nlattr& one) {
      if (::mnl_attr_get_type(&one) == IFLA_IFNAME) link.name = text_of(one);
      if (::mnl_attr_get_type(&one) == IFLA_LINKINFO) read_info(one, link);
    });
  });
}

absl::Status read_shapers(const Links& links, std::vector<std::string>& to) {
  Question question(RTM_GETQDISC, NLM_F_DUMP, sizeof(tcmsg));
  return ask(NETLINK_ROUTE, question, [&](const nlmsghdr& message) {
    const auto* info = static_cast<const tcmsg*>(::mnl_nlmsg_get_payload(&message));
    const auto link = links.find(info->tcm_ifindex);
    for_attributes(message, sizeof(tcmsg), [&](const nlattr& one) {
      if (::mnl_attr_get_type(&one) != TCA_KIND || link == links.end()) return;
      const std::string kind = text_of(one);
      if (std::find(kOrdinaryQdiscs.begin(), kOrdinaryQdiscs.end(), kind) == kOrdinaryQdiscs.end())
        to.push_back(absl::StrCat("tc ", link->second.name, " ", kind));
    });
  });
}

std::string in_words(const Link& link) {
  return absl::StrCat(link.kind, " ", link.name, link.vni == 0 ? "" : absl::StrCat(" vni ", link.vni));
}

void add_devices(const Links& links, KernelLook& to) {
  std::map<std::string, std::vector<std::string>> devices;
  for (const auto& [index, link] : links) {
    // gre0, sit0 and so on come with their module; only what is up does any work.
    if ((link.flags & IFF_UP) == 0) continue;
    for (const auto& [kind, service] : kWork) {
      if (link.kind == kind) devices[service].push_back(in_words(link));
    }
  }
  for (auto& [service, tables] : devices) {
    std::string detail = absl::StrCat(tables.size(), tables.size() == 1 ? " device" : " devices");
    to.work.push_back({service, std::move(tables), std::move(detail)});
  }
}

}  // namespace

void look_at_links(KernelLook& to) {
  Links links;
  if (const absl::Status status = read_links(links); !status.ok()) {
    to.missing.push_back(absl::StrCat("network devices: ", status.message()));
    return;
  }
  add_devices(links, to);
  std::vector<std::string> shapers;
  if (const absl::Status status = read_shapers(links, shapers); !status.ok())
    to.missing.push_back(absl::StrCat("tc: ", status.message()));
  if (shapers.empty()) return;
  std::string detail = absl::StrCat(shapers.size(), shapers.size() == 1 ? " queue" : " queues");
  to.work.push_back({"tc", std::move(shapers), std::move(detail)});
}

}  // namespace outrigger::inventory
