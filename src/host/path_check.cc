#include "host/path_check.h"

#include <linux/if_addr.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "base/netns.h"
#include "host/netlink.h"
#include "host/ruleset.h"

namespace outrigger::host {
namespace {

constexpr uint8_t kFamilyInet = 1;  // NFPROTO_INET of linux/netfilter.h, which does not go with netinet/in.h
constexpr int kEchoMs = 1000;

absl::Status has_address(const IpAddress& address) {
  absl::StatusOr<Netlink> kernel = Netlink::open();
  if (!kernel.ok()) return kernel.status();
  bool found = false;
  ifaddrmsg head{};
  head.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
  absl::Status status = kernel->list({RTM_GETADDR, 0, head}, [&](const nlmsghdr& answer) {
    auto value = attribute(answer, sizeof head, IFA_LOCAL);
    if (value.empty()) value = attribute(answer, sizeof head, IFA_ADDRESS);
    found = found || address_in(value) == address;
  });
  if (!status.ok() || found) return status;
  return absl::FailedPreconditionError(
      absl::StrCat("this host does not have its tunnel address ", address.str()));
}

// Of family inet, as all of ours.
absl::Status has_chain(const std::string& table, const std::string& chain) {
  absl::StatusOr<Netlink> kernel = Netlink::open(NETLINK_NETFILTER);
  if (!kernel.ok()) return kernel.status();
  nfgenmsg head{};
  head.nfgen_family = kFamilyInet;
  NetlinkMessage question(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0, head);
  const absl::Status status =
      kernel->change(question.add(NFTA_CHAIN_TABLE, table).add(NFTA_CHAIN_NAME, chain));
  if (!absl::IsNotFound(status)) return status;
  return absl::FailedPreconditionError(
      absl::StrCat("its rules are gone: no chain ", chain, " in table inet ", table));
}

struct Echo {
  int family, protocol;
  uint8_t question, answer;
};
constexpr Echo kV4{AF_INET, IPPROTO_ICMP, ICMP_ECHO, ICMP_ECHOREPLY};
constexpr Echo kV6{AF_INET6, IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY};

bool connect_to(int socket, const IpAddress& address) {
  if (address.is_v4()) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    address.store_v4(&to.sin_addr);
    return connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  address.store_v6(&to.sin6_addr);
  return connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

// By a ping socket (icmp(7)): the kernel fills in identifier and checksum, and hands us our own answers only.
bool echoes(const IpAddress& address) {
  const Echo& echo = address.is_v4() ? kV4 : kV6;
  const Descriptor socket(::socket(echo.family, SOCK_DGRAM | SOCK_CLOEXEC, echo.protocol));
  if (!socket || !connect_to(socket.get(), address)) return false;
  const std::array<uint8_t, 8> question = {echo.question};
  if (send(socket.get(), question.data(), question.size(), 0) < 0) return false;
  std::array<uint8_t, 8> answer{};
  pollfd ready{socket.get(), POLLIN, 0};
  return poll(&ready, 1, kEchoMs) == 1 && recv(socket.get(), answer.data(), answer.size(), 0) > 0 &&
         answer[0] == echo.answer;
}

absl::Status check_here(const NetworkWorld& network) {
  for (const std::string& device : {vxlan_name(network), bridge_name(network)}) {
    if (if_nametoindex(device.c_str()) == 0)
      return absl::FailedPreconditionError(absl::StrCat("device ", device, " is missing"));
  }
  if (absl::Status status = has_chain("outrigger", "forward"); !status.ok()) return status;
  for (const Subnet& subnet : network.subnets) {
    if (!echoes(subnet.gateway))
      return absl::FailedPreconditionError(
          absl::StrCat("gateway ", subnet.gateway.str(), " does not answer"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status check_tunnels(const IpAddress& tunnel) {
  if (absl::Status status = has_address(tunnel); !status.ok()) return status;
  return has_chain("outrigger_tunnel", "input");
}

absl::Status check_network(const std::string& netns, const NetworkWorld& network) {
  const absl::Status status = inside_netns(netns, [&] { return check_here(network); });
  if (status.ok()) return status;
  return {status.code(), absl::StrCat("network ", network.name, ": ", std::string(status.message()))};
}

}  // namespace outrigger::host
