// Numbers of the protocols read and written here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace outrigger::packet {

// EtherTypes (IEEE 802 registry).
inline constexpr uint16_t kEtherIpv4 = 0x0800, kEtherArp = 0x0806, kEtherVlan = 0x8100, kEtherIpv6 = 0x86dd,
                          kEtherServiceVlan = 0x88a8, kEtherOldServiceVlan = 0x9100;

// IPv6 next headers that are extensions (RFC 8200 §4).
inline constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kDestinationOptions = 60;

inline constexpr size_t kEthernetHeader = 14, kIpv4Header = 20, kIpv6Header = 40, kUdpHeader = 8,
                        kTcpHeader = 20, kSctpHeader = 12, kIcmpHeader = 8, kFragmentHeaderSize = 8,
                        kArpMessage = 28, kTunnelHeader = 8;

// The IPv4 word of flags and offset (RFC 791 §3.1), and IPv6's (RFC 8200 §4.5).
inline constexpr uint16_t kIpv4DontFragment = 0x4000, kIpv4MoreFragments = 0x2000, kIpv4OffsetMask = 0x1fff;
inline constexpr uint16_t kIpv6MoreFragments = 1, kIpv6OffsetMask = 0xfff8;

// ICMP types with a meaning here (RFC 792; RFC 4443; RFC 4861 §4).
inline constexpr uint8_t kEchoReply = 0, kEchoRequest = 8, kEchoRequestV6 = 128, kEchoReplyV6 = 129,
                         kRouterSolicitation = 133, kRouterAdvertisement = 134, kNeighbourSolicitation = 135,
                         kNeighbourAdvertisement = 136, kRedirectV6 = 137;

inline constexpr uint16_t kVxlanPort = 4789, kGenevePort = 6081;  // RFC 7348 §5, RFC 8926 §3.3
inline constexpr uint16_t kDhcpServerPort = 67, kDhcpClientPort = 68;

}  // namespace outrigger::packet
