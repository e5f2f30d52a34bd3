#include "audit/shots.h"

#include <array>
#include <functional>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "packet/builder.h"
#include "packet/packet_info.h"
#include "packet/wire.h"

namespace outrigger::audit {
namespace {

using packet::Builder;

constexpr MacAddress kOtherMac = {{0x02, 0xad, 0x17, 0x99, 0x99, 0x99}};
constexpr MacAddress kAllNodesMac = {{0x33, 0x33, 0, 0, 0, 1}};
constexpr size_t kProof = 24;
constexpr size_t kDhcpMessage = 250;

Frame built(const std::function<void(Builder&)>& write) {
  std::array<uint8_t, 2048> buffer;
  Builder builder(buffer);
  write(builder);
  return {buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(builder.finish())};
}

// Its end: payload and checksums of the innermost packet, which no hop changes.
Shot shot(std::string what, const std::function<void(Builder&)>& write) {
  Frame frame = built(write);
  Frame proof(frame.end() - static_cast<ptrdiff_t>(std::min(kProof, frame.size())), frame.end());
  return {std::move(what), std::move(frame), std::move(proof)};
}

Frame mark_bytes(uint32_t mark) {
  Frame bytes = {'o', 'r', 'a', 'u', 'd', 'i', 't', '-', 'm', 'a', 'r', 'k', 0, 0, 0, 0};
  store_be32(&bytes[12], mark);
  return bytes;
}

// The transport that policy lets through, after an IP header.
Builder& carry(Builder& b, const Allowed& allowed, uint32_t mark) {
  const auto port = static_cast<uint16_t>(20000 + mark % 20000);
  if (allowed.tcp) return b.tcp(port, allowed.port, packet::kSyn, mark);
  return b.udp(port, allowed.port).payload(mark_bytes(mark));
}

// Another address of the same subnet: neither the guest's nor the victim's.
IpAddress neighbour_of(const Range& range) {
  IpAddress other = range.address;
  do {
    other.lo = (other.lo & ~0xffULL) | ((other.lo + 67) & 0xff);
  } while (other == range.victim || other == range.address);
  return other;
}

Shot tagged_with(const Range& range, const std::vector<uint16_t>& ids, uint32_t mark) {
  std::string what = "VLAN";
  for (const uint16_t id : ids) absl::StrAppend(&what, " ", id);
  return shot(what, [&](Builder& b) {
    b.ethernet(range.victim_mac, range.mac);
    for (const uint16_t id : ids) b.vlan(id);
    carry(b.ip(range.address, range.victim), range.allowed, mark);
  });
}

// RFC 2131 §2: an offer, as a server would make it.
Frame dhcp_offer(const Range& range, uint32_t mark) {
  Frame message(kDhcpMessage);
  message[0] = 2, message[1] = 1, message[2] = 6;
  store_be32(&message[4], mark);
  neighbour_of(range).store_v4(&message[16]);
  range.address.store_v4(&message[20]);
  range.victim_mac.store(&message[28]);
  store_be32(&message[236], 0x63825363);                  // magic cookie, RFC 2131 §3
  message[240] = 53, message[241] = 1, message[242] = 2;  // an offer
  message[243] = 54, message[244] = 4;                    // by this server
  range.address.store_v4(&message[245]);
  message[249] = 255;
  return message;
}

Frame neighbour_body(IpAddress target, MacAddress claimed) {
  Frame body(24);
  target.store_v6(body.data());
  body[16] = 2, body[17] = 1;  // target link-layer address, RFC 4861 §4.6.1
  claimed.store(&body[18]);
  return body;
}

}  // namespace

Shot honest(const Range& range, uint32_t mark) {
  return shot("an honest packet", [&](Builder& b) {
    carry(b.ethernet(range.hop, range.mac).ip(range.address, range.victim), range.allowed, mark);
  });
}

std::vector<Shot> spoofed_mac(const Range& range, uint32_t mark) {
  const auto from = [&](MacAddress source) {
    return shot(absl::StrCat("source MAC ", source.str()), [&](Builder& b) {
      carry(b.ethernet(range.hop, source).ip(range.address, range.victim), range.allowed, ++mark);
    });
  };
  MacAddress near = range.mac;
  near.bytes[5] ^= 0x40;
  return {from(kOtherMac), from(near)};
}

std::vector<Shot> spoofed_address(const Range& range, uint32_t mark) {
  const auto from = [&](IpAddress source, IpAddress to) {
    return shot(absl::StrCat("source ", source.str()), [&](Builder& b) {
      carry(b.ethernet(range.hop, range.mac).ip(source, to), range.allowed, ++mark);
    });
  };
  std::vector<Shot> shots = {from(neighbour_of(range), range.victim), from(range.victim, range.victim),
                             from(IpAddress::v4(0xc6336407), range.victim)};  // 198.51.100.7, RFC 5737
  if (range.v6 && range.victim_v6) {
    IpAddress other = *range.v6;
    other.lo ^= 0x5555;
    shots.push_back(from(other, *range.victim_v6));
  }
  return shots;
}

std::vector<Shot> spoofed_arp(const Range& range, uint32_t) {
  const auto claim = [&](const char* what, uint16_t operation, MacAddress mac, IpAddress address) {
    return shot(absl::StrCat(what, address.str(), " is at ", mac.str()), [&](Builder& b) {
      b.ethernet(range.victim_mac, range.mac).arp(operation, mac, address, range.victim_mac, range.victim);
    });
  };
  std::vector<Shot> shots = {claim("ARP reply: ", 2, range.mac, neighbour_of(range)),
                             claim("ARP request: ", 1, range.mac, neighbour_of(range)),
                             claim("ARP reply: ", 2, kOtherMac, range.address)};
  if (range.gateway) shots.push_back(claim("ARP reply: gateway ", 2, range.mac, *range.gateway));
  return shots;
}

std::vector<Shot> spoofed_neighbour(const Range& range, uint32_t) {
  if (!range.v6 || !range.victim_v6) return {};
  constexpr uint32_t kSolicitedOverride = 0x60000000;  // RFC 4861 §4.4
  const auto claim = [&](IpAddress target, MacAddress mac) {
    return shot(absl::StrCat("neighbour advertisement: ", target.str(), " is at ", mac.str()),
                [&](Builder& b) {
                  b.ethernet(range.victim_mac, range.mac)
                      .ip(*range.v6, *range.victim_v6, 255)
                      .icmp(packet::kNeighbourAdvertisement, 0, kSolicitedOverride)
                      .payload(neighbour_body(target, mac));
                });
  };
  IpAddress other = *range.v6;
  other.lo ^= 0x5555;
  return {claim(other, range.mac), claim(*range.v6, kOtherMac)};
}

std::vector<Shot> spoofed_router(const Range& range, uint32_t) {
  if (!range.v6 || !range.victim_v6) return {};
  const uint64_t mac = load_be16(&range.mac.bytes[0]) * 0x1'0000'0000ULL | load_be32(&range.mac.bytes[2]);
  // Modified EUI-64, RFC 4291 appendix A.
  const IpAddress link_local{0xfe80'0000'0000'0000,
                             ((mac >> 24) << 40 | 0xff'fe00'0000 | (mac & 0xffffff)) ^ 0x0200'0000'0000'0000};
  const IpAddress all_nodes{0xff02'0000'0000'0000, 1};
  const Frame body = {0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      1,
                      1,
                      range.mac.bytes[0],
                      range.mac.bytes[1],
                      range.mac.bytes[2],
                      range.mac.bytes[3],
                      range.mac.bytes[4],
                      range.mac.bytes[5]};
  return {shot("router advertisement", [&](Builder& b) {
    b.ethernet(kAllNodesMac, range.mac)
        .ip(link_local, all_nodes, 255)
        .icmp(packet::kRouterAdvertisement, 0, 64 << 24 | 1800)
        .payload(body);
  })};
}

std::vector<Shot> spoofed_dhcp(const Range& range, uint32_t mark) {
  const auto offer = [&](const char* what, MacAddress to, IpAddress address) {
    const Frame message = dhcp_offer(range, ++mark);
    Shot one = shot(what, [&](Builder& b) {
      b.ethernet(to, range.mac)
          .ip(range.address, address)
          .udp(packet::kDhcpServerPort, packet::kDhcpClientPort)
          .payload(message);
    });
    one.proof.assign(message.begin() + 4, message.begin() + 34);  // from xid to chaddr
    return one;
  };
  return {offer("DHCP offer to all", MacAddress::broadcast(), IpAddress::v4(0xffffffff)),
          offer("DHCP offer to the victim", range.victim_mac, range.victim)};
}

std::vector<Shot> tagged(const Range& range, uint32_t mark) {
  return {tagged_with(range, {0}, mark + 1), tagged_with(range, {1}, mark + 2),
          tagged_with(range, {200}, mark + 3), tagged_with(range, {4094}, mark + 4)};
}

std::vector<Shot> double_tagged(const Range& range, uint32_t mark) {
  Shot service = tagged_with(range, {5, 200}, mark + 2);
  service.what = "service VLAN 5, VLAN 200";
  store_be16(&service.frame[12], packet::kEtherServiceVlan);
  return {tagged_with(range, {1, 200}, mark + 1), std::move(service)};
}

Shot tunnelled(const Range& range, uint32_t vni, uint32_t mark) {
  const Frame inner = built([&](Builder& b) {
    carry(b.ethernet(range.victim_mac, range.mac).ip(range.address, range.victim), range.allowed, mark);
  });
  Frame payload(packet::kTunnelHeader);
  payload[0] = 8;  // the VNI is valid, RFC 7348 §5
  store_be32(&payload[4], vni << 8);
  payload.insert(payload.end(), inner.begin(), inner.end());
  return {absl::StrCat("VXLAN ", vni), payload, Frame(inner.end() - kProof, inner.end())};
}

std::vector<Shot> nested(const Range& range, const std::vector<IpAddress>& underlay,
                         const std::vector<uint32_t>& vnis, MacAddress gateway, uint32_t mark) {
  std::vector<Shot> shots;
  for (const IpAddress node : underlay) {
    for (const uint32_t vni : vnis) {
      if (!node.is_v4()) continue;
      const Shot inside = tunnelled(range, vni, ++mark);
      Shot outside = shot(absl::StrCat("VXLAN ", vni, " for ", node.str()), [&](Builder& b) {
        b.ethernet(gateway, range.mac).ip(range.address, node).udp(50000, packet::kVxlanPort);
        b.payload(inside.frame).checksummed();
      });
      outside.proof = inside.proof;
      shots.push_back(std::move(outside));
    }
  }
  return shots;
}

}  // namespace outrigger::audit
