// Every way to lose a packet has a name.  One list, in the order a packet meets it; the counters, `outrigger
// drops` and the reference page are made from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace outrigger {

enum class Drop : uint8_t {
  kNone,
  // packet: what the bytes themselves say
  kFrameTooShort,
  kEtherTypeUnsupported,
  kVlanTagged,
  kIpVersion,
  kIpHeaderLength,
  kIpTotalLength,
  kIpChecksum,
  kIpSourceRoute,
  kIpAddressInvalid,
  kIpv6Extension,
  kIpv6RoutingHeader,
  kL4Truncated,
  kTcpHeaderLength,
  kTcpFlags,
  kUdpLength,
  kIcmpTruncated,
  kFragmentTiny,
  kFragmentOverlap,
  kFragmentInvalid,
  kFragmentUnknown,
  kFragmentTableFull,
  kArpMalformed,
  kNdMalformed,
  // overlay: arriving from the fabric
  kTunnelMalformed,
  kTunnelNotForUs,
  kTunnelFragmented,
  kTunnelUnknownPeer,
  kTunnelUnknownVni,
  kTunnelNested,
  kTunnelSourceMismatch,
  // vswitch
  kPortUnbound,
  kSpoofedMac,
  kSpoofedAddress,
  kSpoofedArp,
  kSpoofedNd,
  kSpoofedDhcp,
  kSpoofedRouterAdvertisement,
  kMulticastSuppressed,
  kDestinationUnknown,
  kDestinationIsSource,
  kTtlExceeded,
  kPacketTooBig,
  kNotAnswered,
  kRateLimited,
  // policy
  kPolicyEgress,
  kPolicyIngress,
  // overlay: leaving for the fabric
  kOverlayNoPeer,
  kOverlayNeighbourUnresolved,
  // session
  kSessionTableFull,
  kSessionQuota,
  kSessionWrongPort,
  kTcpNoSession,
  kTcpInvalidState,
  kTcpOutOfWindow,
  kIcmpErrorNoSession,
  // engine
  kHandOverFull,
  kTransmitFull,
  kBuffersExhausted,
  kCount,
};

inline constexpr size_t kDropCount = static_cast<size_t>(Drop::kCount);

struct DropInfo {
  Drop drop;
  std::string_view name;     // stable: API, CLI, metrics
  std::string_view service;  // whose counter it is
  std::string_view meaning;
};

inline constexpr std::array<DropInfo, kDropCount> kDrops = {{
    {Drop::kNone, "none", "engine", "not dropped"},
    {Drop::kFrameTooShort, "frame_too_short", "packet", "the frame ends inside its Ethernet or IP header"},
    {Drop::kEtherTypeUnsupported, "ethertype_unsupported", "packet", "neither IPv4, IPv6 nor ARP"},
    {Drop::kVlanTagged, "vlan_tagged", "packet", "a VLAN tag on an untagged port (VLAN hopping)"},
    {Drop::kIpVersion, "ip_version", "packet", "the IP version does not match the EtherType"},
    {Drop::kIpHeaderLength, "ip_header_length", "packet",
     "the IPv4 header length is below 20 or past the packet"},
    {Drop::kIpTotalLength, "ip_total_length", "packet",
     "the IP length is past the frame or below its header"},
    {Drop::kIpChecksum, "ip_checksum", "packet", "the IPv4 header checksum is wrong"},
    {Drop::kIpSourceRoute, "ip_source_route", "packet", "source-routed, or malformed IPv4 options"},
    {Drop::kIpAddressInvalid, "ip_address_invalid", "packet",
     "a source that cannot be one (multicast, loopback, mapped)"},
    {Drop::kIpv6Extension, "ipv6_extension", "packet",
     "IPv6 extension headers malformed, misplaced or too many"},
    {Drop::kIpv6RoutingHeader, "ipv6_routing_header", "packet",
     "routing header with segments left (RFC 5095)"},
    {Drop::kL4Truncated, "l4_truncated", "packet", "the transport header ends past the packet"},
    {Drop::kTcpHeaderLength, "tcp_header_length", "packet",
     "the TCP data offset is below 20 or past the packet"},
    {Drop::kTcpFlags, "tcp_flags", "packet", "a combination of TCP flags no stack sends"},
    {Drop::kUdpLength, "udp_length", "packet", "the UDP length is below 8 or past the packet"},
    {Drop::kIcmpTruncated, "icmp_truncated", "packet",
     "the ICMP message or the packet inside it is cut short"},
    {Drop::kFragmentTiny, "fragment_tiny", "packet",
     "a first fragment without its transport header (RFC 1858)"},
    {Drop::kFragmentOverlap, "fragment_overlap", "packet", "a fragment over bytes already seen (RFC 5722)"},
    {Drop::kFragmentInvalid, "fragment_invalid", "packet", "a fragment past 64 KiB, or not a multiple of 8"},
    {Drop::kFragmentUnknown, "fragment_unknown", "packet", "a later fragment whose first was not seen"},
    {Drop::kFragmentTableFull, "fragment_table_full", "packet",
     "no room to follow another fragmented packet"},
    {Drop::kArpMalformed, "arp_malformed", "packet", "not an Ethernet/IPv4 ARP message"},
    {Drop::kNdMalformed, "nd_malformed", "packet", "neighbour discovery breaking RFC 4861 §7.1"},
    {Drop::kTunnelMalformed, "tunnel_malformed", "overlay",
     "the outer headers are cut short or inconsistent"},
    {Drop::kTunnelNotForUs, "tunnel_not_for_us", "overlay", "from the fabric, but not for this node"},
    {Drop::kTunnelFragmented, "tunnel_fragmented", "overlay", "a fragmented tunnel packet (RFC 7348 §4.3)"},
    {Drop::kTunnelUnknownPeer, "tunnel_unknown_peer", "overlay",
     "from an address that is no authorised peer"},
    {Drop::kTunnelUnknownVni, "tunnel_unknown_vni", "overlay",
     "a VNI this node does not carry for that peer"},
    {Drop::kTunnelNested, "tunnel_nested", "overlay", "a tunnel inside the tunnel, aimed at a node"},
    {Drop::kTunnelSourceMismatch, "tunnel_source_mismatch", "overlay",
     "the inner source does not live at that peer"},
    {Drop::kPortUnbound, "port_unbound", "vswitch", "a port no endpoint is bound to"},
    {Drop::kSpoofedMac, "spoofed_mac", "vswitch", "a source MAC that is not the endpoint's"},
    {Drop::kSpoofedAddress, "spoofed_address", "vswitch", "a source address that is not the endpoint's"},
    {Drop::kSpoofedArp, "spoofed_arp", "vswitch", "ARP claiming another's address or MAC"},
    {Drop::kSpoofedNd, "spoofed_nd", "vswitch", "neighbour discovery claiming another's address or MAC"},
    {Drop::kSpoofedDhcp, "spoofed_dhcp", "vswitch",
     "an endpoint that acts as a DHCP server, or for another MAC"},
    {Drop::kSpoofedRouterAdvertisement, "spoofed_router_advertisement", "vswitch",
     "an endpoint that acts as a router"},
    {Drop::kMulticastSuppressed, "multicast_suppressed", "vswitch",
     "broadcast or multicast in a network that suppresses it"},
    {Drop::kDestinationUnknown, "destination_unknown", "vswitch", "no endpoint has the destination"},
    {Drop::kDestinationIsSource, "destination_is_source", "vswitch", "would go back where it came from"},
    {Drop::kTtlExceeded, "ttl_exceeded", "vswitch", "routed with a TTL or hop limit of one"},
    {Drop::kPacketTooBig, "packet_too_big", "vswitch", "larger than the network's MTU"},
    {Drop::kNotAnswered, "not_answered", "vswitch", "a request to the gateway that needs no answer"},
    {Drop::kRateLimited, "rate_limited", "vswitch", "an answer or error above the endpoint's rate"},
    {Drop::kPolicyEgress, "policy_egress", "policy", "denied where it starts"},
    {Drop::kPolicyIngress, "policy_ingress", "policy", "denied where it ends"},
    {Drop::kOverlayNoPeer, "overlay_no_peer", "overlay", "the destination's node has no tunnel from here"},
    {Drop::kOverlayNeighbourUnresolved, "overlay_neighbour_unresolved", "overlay",
     "the peer's MAC is not known yet"},
    {Drop::kSessionTableFull, "session_table_full", "session", "no entry free and none disposable"},
    {Drop::kSessionQuota, "session_quota", "session", "the endpoint holds as many sessions as it may"},
    {Drop::kSessionWrongPort, "session_wrong_port", "session",
     "a session's packet from a place that is neither end"},
    {Drop::kTcpNoSession, "tcp_no_session", "session", "TCP that opens no connection and belongs to none"},
    {Drop::kTcpInvalidState, "tcp_invalid_state", "session", "flags that do not fit the connection's state"},
    {Drop::kTcpOutOfWindow, "tcp_out_of_window", "session", "outside the TCP window (strict mode)"},
    {Drop::kIcmpErrorNoSession, "icmp_error_no_session", "session",
     "an ICMP error about a flow that does not exist"},
    {Drop::kHandOverFull, "hand_over_full", "engine", "the ring to the session's worker is full"},
    {Drop::kTransmitFull, "transmit_full", "engine", "the port took no more"},
    {Drop::kBuffersExhausted, "buffers_exhausted", "engine", "no packet buffer free for an answer or copy"},
}};

constexpr const DropInfo& info(Drop drop) { return kDrops[static_cast<size_t>(drop)]; }

static_assert([] {
  for (size_t i = 0; i < kDropCount; ++i) {
    if (kDrops[i].drop != static_cast<Drop>(i)) return false;
  }
  return true;
}());

}  // namespace outrigger
