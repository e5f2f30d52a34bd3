#include "host/ruleset.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "host/policy_chains.h"

namespace outrigger::host {
namespace {

// In a connection's mark: the rules' number, and that who spoke first here answers.
constexpr char kTurned[] = "0x80000000", kNumber[] = "0x7fffffff";
constexpr unsigned kVxlanPort = 4789;  // RFC 7348 §5
constexpr char kNdTypes[] = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255";
const Interval kLinkLocal = interval(*IpPrefix::parse("fe80::/10"));

// Everything that belongs to this endpoint and to no other more closely (the longest prefix owns).
std::vector<Interval> owned(const NetworkWorld& network, const Place& place) {
  std::vector<Interval> all;
  for (const IpAddress& address : place.addresses) all.push_back({address, address});
  for (const IpPrefix& prefix : place.prefixes) {
    std::vector<Interval> others;
    for (const Place& other : network.places) {
      if (&other == &place) continue;
      for (const IpAddress& address : other.addresses) others.push_back({address, address});
      for (const IpPrefix& inner : other.prefixes) {
        if (inner.length > prefix.length) others.push_back(interval(inner));
      }
    }
    for (const Subnet& subnet : network.subnets) others.push_back({subnet.gateway, subnet.gateway});
    for (const Interval& part : minus({interval(prefix)}, others)) all.push_back(part);
  }
  return merged(all);
}

std::string hex(const MacAddress& mac) {
  std::string text = "0x";
  for (const uint8_t byte : mac.bytes) absl::StrAppendFormat(&text, "%02x", byte);
  return text;
}

class Text {
 public:
  Text(const World& world, const NetworkWorld& network, uint32_t mark)
      : world_(world), network_(network), mark_(absl::StrFormat("0x%08x", mark)) {
    for (const Place& place : network.places) owned_.push_back(owned(network, place));
  }

  std::string all() {
    return absl::StrCat("table inet outrigger\ndelete table inet outrigger\n",
                        "table netdev outrigger\ndelete table netdev outrigger\n",  //
                        "table inet outrigger {\n", address_sets(), policy_text(world_, network_),
                        verdict_maps(), judges(), hooks(), "}\n", "table netdev outrigger {\n", ports(),
                        tunnel(), "}\n");
  }

 private:
  std::string set(const std::string& name, bool v4, const std::vector<Interval>& all) {
    const std::vector<Interval> mine = of_family(all, v4);
    return absl::StrCat("  set ", name, v4 ? "4" : "6", " {\n    type ", v4 ? "ipv4_addr" : "ipv6_addr",
                        "\n    flags interval\n",
                        mine.empty() ? "" : absl::StrCat("    elements = { ", host::text(mine), " }\n"),
                        "  }\n");
  }

  // Local addresses, and those of remote endpoints that can be reached.
  std::pair<std::vector<Interval>, std::vector<Interval>> sides() {
    std::vector<Interval> local, remote;
    for (size_t i = 0; i < network_.places.size(); ++i) {
      const Place& place = network_.places[i];
      std::vector<Interval>& side = place.local ? local : remote;
      if (place.local || !place.tunnel.is_zero()) side.insert(side.end(), owned_[i].begin(), owned_[i].end());
    }
    return {merged(local), merged(remote)};
  }

  std::string address_sets() {
    const auto [local, remote] = sides();
    return absl::StrCat(set("local", true, local), set("local", false, local), set("remote", true, remote),
                        set("remote", false, remote));
  }

  // Address of a local endpoint -> the chain of its class.
  std::string verdict_map(bool ingress, Way way, bool v4) {
    std::vector<std::string> elements;
    for (size_t i = 0; i < network_.places.size(); ++i) {
      const Place& place = network_.places[i];
      const uint32_t policy_class = place.local ? class_of(world_, place.id) : 0;
      if (policy_class == 0) continue;
      for (const Interval& one : of_family(owned_[i], v4)) {
        elements.push_back(absl::StrCat(host::text(one), " : jump ", chain_name(policy_class, ingress, way)));
      }
    }
    std::string text = absl::StrCat("  map ", map_name(ingress, way, v4), " {\n    type ",
                                    v4 ? "ipv4_addr" : "ipv6_addr", " : verdict\n    flags interval\n");
    if (!elements.empty())
      absl::StrAppend(&text, "    elements = { ", absl::StrJoin(elements, ",\n      "), " }\n");
    return absl::StrCat(text, "  }\n");
  }

  static std::string map_name(bool ingress, Way way, bool v4) {
    return absl::StrCat(ingress ? "in" : "out", way == Way::kReverse ? "_back" : "", v4 ? "4" : "6");
  }

  std::string verdict_maps() {
    std::string text;
    for (const bool ingress : {false, true}) {
      for (const Way way : {Way::kForward, Way::kReverse}) {
        for (const bool v4 : {true, false}) absl::StrAppend(&text, verdict_map(ingress, way, v4));
      }
    }
    return text;
  }

  // The end that opened is the source going forward, the destination going back.
  std::string judge(Way way) {
    const bool forward = way == Way::kForward;
    const std::string opener = forward ? "saddr" : "daddr", other = forward ? "daddr" : "saddr";
    std::string text = absl::StrCat("  chain ", forward ? "judge" : "judge_back", " {\n");
    for (const bool ingress : {false, true}) {
      for (const bool v4 : {true, false}) {
        absl::StrAppend(&text, "    ", v4 ? "ip " : "ip6 ", ingress ? other : opener, " vmap @",
                        map_name(ingress, way, v4), "\n");
      }
      if (!ingress) absl::StrAppend(&text, "    meta mark ", kDenied, " return\n");
    }
    return absl::StrCat(text, "  }\n");
  }

  std::string refusal() {
    if (!network_.reject) return "  chain refuse {\n    counter drop\n  }\n";
    return "  chain refuse {\n"
           "    counter\n"
           "    meta l4proto tcp limit rate 1000/second burst 1000 packets reject with tcp reset\n"
           "    limit rate 1000/second burst 1000 packets reject with icmpx admin-prohibited\n"
           "    drop\n  }\n";
  }

  std::string judges() {
    const std::string denied = absl::StrCat("    meta mark ", kDenied, " goto refuse\n");
    return absl::StrCat(judge(Way::kForward), judge(Way::kReverse), refusal(),  //
                        "  chain pass {\n    ct mark set ct mark & ", kTurned, " | ", mark_,
                        "\n    counter accept\n  }\n", "  chain opens {\n    jump judge\n", denied,
                        "    goto pass\n  }\n",                                                      //
                        "  chain answers {\n    jump judge_back\n", denied, "    goto pass\n  }\n",  //
                        "  chain middle {\n"
                        "    tcp sport >= 32768 tcp dport < 32768 goto opens\n"
                        "    tcp sport < 32768 tcp dport >= 32768 ct mark set ",
                        kTurned, " goto answers\n    jump judge\n", denied, "    jump judge_back\n", denied,
                        "    goto pass\n  }\n");
  }

  std::string hooks() {
    return absl::StrCat(
        "  chain known {\n"
        "    ip saddr @local4 ip daddr @local4 return\n    ip saddr @local4 ip daddr @remote4 return\n"
        "    ip saddr @remote4 ip daddr @local4 return\n"
        "    ip6 saddr @local6 ip6 daddr @local6 return\n    ip6 saddr @local6 ip6 daddr @remote6 return\n"
        "    ip6 saddr @remote6 ip6 daddr @local6 return\n"
        "    counter drop\n  }\n"
        "  chain forward {\n"
        "    type filter hook forward priority filter; policy drop;\n"
        "    ",
        kNdTypes, " accept\n    jump known\n    meta mark set 0\n    ct state invalid counter drop\n",
        "    ct state { established, related } ct mark & ", kNumber, " == ", mark_, " counter accept\n",
        "    ct state related counter drop\n"
        "    ct state established ct direction original ct mark & ",
        kTurned, " != 0 goto answers\n    ct state established ct direction reply ct mark & ", kTurned,
        " == 0 goto answers\n"
        "    ct state new meta l4proto tcp tcp flags & (syn | ack) != syn goto middle\n"
        "    goto opens\n  }\n"
        "  chain input {\n"
        "    type filter hook input priority filter; policy drop;\n"
        "    meta l4proto { icmp, ipv6-icmp } limit rate over 2000/second burst 2000 packets drop\n"
        "    iif lo accept\n    icmp type echo-request accept\n"
        "    icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept\n"
        "    meta l4proto { tcp, udp } limit rate 1000/second burst 1000 packets reject with icmpx "
        "port-unreachable\n  }\n");
  }

  static std::string match(const char* what, const std::vector<Interval>& all, bool v4) {
    const std::vector<Interval> mine = of_family(all, v4);
    return mine.empty() ? "" : absl::StrCat(what, " { ", host::text(mine), " } ");
  }

  std::string arp_checks(const Place& place, const std::vector<Interval>& own) {
    std::vector<Interval> v4 = of_family(own, true);
    v4.push_back({IpAddress::v4(0), IpAddress::v4(0)});  // RFC 5227 §2.1.1: a probe says no address
    return absl::StrCat("    ether type arp arp saddr ether ", place.mac.str(), " arp saddr ip { ",
                        host::text(merged(v4)), " } accept\n");
  }

  // Without an option, or with the sender's own link-layer address as the only one (RFC 4861 §4.3, §4.4), or
  // a nonce (RFC 7527 §4.1): whatever else says who is where is not let through.
  std::string nd_checks(const Place& place, const std::vector<Interval>& own) {
    std::vector<Interval> v6 = of_family(own, false);
    v6.push_back(kLinkLocal);
    const std::vector<Interval> targets = merged(v6);
    std::vector<Interval> sources = targets;
    sources.push_back({IpAddress{}, IpAddress{}});
    const std::string from = absl::StrCat(" ip6 saddr { ", host::text(merged(sources)), " }"),
                      own_mac = absl::StrCat(" ip6 length 32 @th,208,48 ", hex(place.mac), " @th,192,16 "),
                      solicit = "    icmpv6 type nd-neighbor-solicit ip6 hoplimit 255",
                      advert = "    icmpv6 type nd-neighbor-advert ip6 hoplimit 255",
                      target = absl::StrCat(" @th,64,128 { ", raw_text(targets), " } accept\n");
    return absl::StrCat(solicit, " ip6 length 24", from, " accept\n",                    //
                        solicit, " ip6 length 32 @th,192,16 0x0e01", from, " accept\n",  //
                        solicit, own_mac, "0x0101", from, " accept\n",                   //
                        advert, " ip6 length 24", from, target, advert, own_mac, "0x0201", from, target,
                        "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, "
                        "nd-redirect } counter drop\n");
  }

  // What an endpoint may send, and what may be sent to it.
  std::string port(const Place& place, const std::vector<Interval>& own) {
    const std::string device = port_name(place);
    std::string text =
        absl::StrCat("  chain from_", device, " {\n    type filter hook ingress device \"", device,
                     "\" priority 0; policy drop;\n    ether type { 8021q, 8021ad } counter drop\n"
                     "    ether saddr != ",
                     place.mac.str(), " counter drop\n", arp_checks(place, own), nd_checks(place, own),
                     "    udp sport 67 udp dport 68 counter drop\n    udp sport 547 udp dport 546 counter "
                     "drop\n"  // a DHCP server's
                     "    ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 counter drop\n");
    for (const bool v4 : {true, false}) {
      const std::string from = match(v4 ? "ip saddr" : "ip6 saddr", own, v4);
      if (!from.empty()) absl::StrAppend(&text, "    ", from, "accept\n");
    }
    absl::StrAppend(&text, "    counter drop\n  }\n  chain to_", device,
                    " {\n    type filter hook egress device \"", device,
                    "\" priority 0; policy drop;\n    ether type arp accept\n    ", kNdTypes, " accept\n");
    for (const bool v4 : {true, false}) {
      const std::string to = match(v4 ? "ip daddr" : "ip6 daddr", own, v4);
      if (!to.empty()) absl::StrAppend(&text, "    ", to, "accept\n");
    }
    return absl::StrCat(text, "    counter drop\n  }\n");
  }

  std::string ports() {
    std::string text;
    for (size_t i = 0; i < network_.places.size(); ++i) {
      if (network_.places[i].local) absl::StrAppend(&text, port(network_.places[i], owned_[i]));
    }
    return text;
  }

  std::string tunnel() {
    const std::vector<Interval> remote = sides().second;
    std::vector<Interval> speakers = of_family(remote, false);
    speakers.push_back(kLinkLocal);
    const std::string device = vxlan_name(network_);
    std::string text = absl::StrCat("  chain from_", device, " {\n    type filter hook ingress device \"",
                                    device, "\" priority 0; policy drop;\n");
    const std::string v4 = match("ip saddr", remote, true), v6 = match("ip6 saddr", remote, false);
    if (!v4.empty())
      absl::StrAppend(&text, "    ether type arp ", match("arp saddr ip", remote, true), "accept\n");
    absl::StrAppend(&text, "    ", kNdTypes, " ip6 saddr { ", host::text(merged(speakers)), " } accept\n",
                    "    ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 counter drop\n");
    for (const std::string& from : {v4, v6}) {
      if (!from.empty()) absl::StrAppend(&text, "    ", from, "accept\n");
    }
    return absl::StrCat(text, "    counter drop\n  }\n");
  }

  const World& world_;
  const NetworkWorld& network_;
  std::string mark_;
  std::vector<std::vector<Interval>> owned_;  // by place
};

// Offsets in bits from the outer UDP header: VXLAN's VNI at 12 bytes, the inner frame at 16.
std::string peer_rules(const TunnelPeer& peer, const std::vector<uint32_t>& vnis) {
  std::string text;
  for (const auto& [vni, sources] : peer.sources) {
    if (std::find(vnis.begin(), vnis.end(), vni) == vnis.end()) continue;
    const std::string network = absl::StrCat("    @th,96,24 ", vni, " ");
    const std::vector<Interval> v4 = of_family(merged(sources), true);
    std::vector<Interval> v6 = of_family(merged(sources), false);
    v6.push_back(kLinkLocal);
    if (!v4.empty()) {
      absl::StrAppend(&text, network, "@th,224,16 0x0806 @th,352,32 { ", raw_text(v4), " } accept\n", network,
                      "@th,224,16 0x0800 @th,336,32 { ", raw_text(v4), " } accept\n");
    }
    absl::StrAppend(&text, network, "@th,224,16 0x86dd @th,304,128 { ", raw_text(merged(v6)), " } accept\n");
  }
  return text;
}

}  // namespace

std::string port_name(const Place& place) { return absl::StrCat("ep", place.id); }
std::string vxlan_name(const NetworkWorld& network) { return absl::StrCat("vx", network.vni); }
std::string bridge_name(const NetworkWorld& network) { return absl::StrCat("br", network.vni); }

std::string network_rules(const World& world, const NetworkWorld& network, uint32_t mark) {
  return Text(world, network, mark).all();
}

std::string tunnel_rules_removal() {
  return "table inet outrigger_tunnel\ndelete table inet outrigger_tunnel\n";
}

std::string tunnel_rules(const World& world) {
  std::vector<uint32_t> vnis;
  for (const NetworkWorld& network : world.networks) vnis.push_back(network.vni);
  const std::string family = world.tunnel.is_v4() ? "ip" : "ip6";
  std::string chains, jumps;
  size_t number = 0;
  for (const TunnelPeer& peer : world.peers) {
    const std::string name = absl::StrCat("peer", number++);
    absl::StrAppend(&chains, "  chain ", name, " {\n", peer_rules(peer, vnis), "    counter drop\n  }\n");
    absl::StrAppend(&jumps, "    ", family, " saddr ", peer.address.str(), " goto ", name, " comment \"",
                    peer.name, "\"\n");
  }
  return absl::StrCat(
      tunnel_rules_removal(), "table inet outrigger_tunnel {\n", chains, "  chain tunnel {\n", jumps,
      "    counter drop\n  }\n  chain input {\n"
      "    type filter hook input priority filter - 10; policy accept;\n    ",
      family, " daddr ", world.tunnel.str(), " udp dport ", kVxlanPort, " goto tunnel\n  }\n}\n");
}

}  // namespace outrigger::host
