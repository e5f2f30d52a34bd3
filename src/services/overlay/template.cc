#include "services/overlay/template.h"

#include "packet/checksum.h"

namespace outrigger::overlay {

namespace {

constexpr uint16_t kVxlanPort = 4789;   // RFC 7348 §5
constexpr uint16_t kGenevePort = 6081;  // RFC 8926 §3.3
constexpr uint8_t kHopLimit = 64;

void put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

uint8_t* put_ipv4(uint8_t* at, const TemplateSpec& spec) {
  at[0] = 0x45;
  put16(at + 6, 0x4000);  // DF
  at[8] = kHopLimit;
  at[9] = packet::kUdp;
  spec.source.store_v4(at + 12);
  spec.destination.store_v4(at + 16);
  return at + 20;
}

uint8_t* put_ipv6(uint8_t* at, const TemplateSpec& spec) {
  at[0] = 0x60;
  at[6] = packet::kUdp;
  at[7] = kHopLimit;
  spec.source.store_v6(at + 8);
  spec.destination.store_v6(at + 24);
  return at + 40;
}

void put_tunnel(uint8_t* at, const TemplateSpec& spec) {
  if (spec.geneve) {
    put16(at + 2, 0x6558);  // Transparent Ethernet Bridging
  } else {
    at[0] = 0x08;  // the VNI is valid
  }
  at[4] = static_cast<uint8_t>(spec.vni.value() >> 16);
  put16(at + 5, static_cast<uint16_t>(spec.vni.value()));
}

}  // namespace

engine::Tunnel make_tunnel(const TemplateSpec& spec) {
  engine::Tunnel tunnel;
  tunnel.ipv6 = !spec.destination.is_v4();
  tunnel.vni = spec.vni;
  uint8_t* const ethernet = tunnel.header.data();
  spec.source_mac.store(ethernet + 6);
  put16(ethernet + 12, tunnel.ipv6 ? 0x86dd : 0x0800);
  uint8_t* const ip = ethernet + 14;
  uint8_t* const udp = tunnel.ipv6 ? put_ipv6(ip, spec) : put_ipv4(ip, spec);
  put16(udp + 2, spec.geneve ? kGenevePort : kVxlanPort);
  put_tunnel(udp + 8, spec);
  tunnel.header_length = static_cast<uint8_t>(udp + 16 - ethernet);
  if (!tunnel.ipv6) tunnel.checksum = packet::sum({ip, 20});
  const unsigned overhead =
      tunnel.header_length;  // the outer Ethernet header is outside the MTU, the inner is inside
  tunnel.inner_mtu = static_cast<uint16_t>(spec.underlay_mtu > overhead ? spec.underlay_mtu - overhead : 0);
  return tunnel;
}

void set_next_hop(engine::Tunnel& tunnel, const MacAddress& mac) {
  mac.store(tunnel.header.data());
  tunnel.resolved = true;
}

}  // namespace outrigger::overlay
