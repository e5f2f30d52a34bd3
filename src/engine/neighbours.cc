#include "engine/neighbours.h"

#include <array>
#include <cstring>

#include "packet/builder.h"
#include "packet/parser.h"

namespace outrigger::engine {

namespace {

// Short: until a peer is known, what is meant for it is lost.
constexpr auto kRetry = std::chrono::milliseconds(200);
constexpr auto kRefresh = std::chrono::seconds(30);
constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;  // RFC 4861 §4.3, §4.4
constexpr uint8_t kTargetLinkLayer = 2, kSourceLinkLayer = 1;

size_t arp_request(std::span<uint8_t> frame, const MacAddress& mac, IpAddress own, IpAddress target) {
  return packet::Builder(frame)
      .ethernet(MacAddress::broadcast(), mac)
      .arp(1, mac, own, MacAddress{}, target)
      .finish();
}

// To the solicited-node address of the target, RFC 4291 §2.7.1.
size_t solicitation(std::span<uint8_t> frame, const MacAddress& mac, IpAddress own, IpAddress target) {
  const uint64_t low = target.lo & 0xffffff;
  const IpAddress group{0xff02'0000'0000'0000, 0x0000'0001'ff00'0000 | low};
  const MacAddress to{{0x33, 0x33, 0xff, static_cast<uint8_t>(low >> 16), static_cast<uint8_t>(low >> 8),
                       static_cast<uint8_t>(low)}};
  std::array<uint8_t, 24> body{};
  target.store_v6(body.data());
  body[16] = kSourceLinkLayer;
  body[17] = 1;
  mac.store(body.data() + 18);
  return packet::Builder(frame)
      .ethernet(to, mac)
      .ip(own, group, 255)
      .icmp(kSolicitation, 0)
      .payload(body)
      .finish();
}

}  // namespace

void Neighbours::ask(const std::vector<IpAddress>& wanted, const Own& own, Clock::time_point now,
                     const Send& send) {
  for (const IpAddress& target : wanted) {
    State& state = states_[target];
    if (now - state.asked < (state.known ? kRefresh : kRetry)) continue;
    state.asked = now;
    for (const IpAddress& address : own.addresses) {
      if (address.is_v4() != target.is_v4()) continue;
      std::array<uint8_t, 128> frame;
      const size_t length = target.is_v4() ? arp_request(frame, own.mac, address, target)
                                           : solicitation(frame, own.mac, address, target);
      send({frame.data(), length});
    }
  }
}

std::optional<Neighbours::Answer> Neighbours::hear(std::span<const uint8_t> frame, Clock::time_point now) {
  packet::PacketInfo info;
  packet::parse(frame, Vni(0), info);
  Answer answer;
  if (info.kind == packet::Kind::kArp) {
    const uint8_t* const arp = frame.data() + info.l3_offset;
    answer = {IpAddress::load_v4(arp + 14), MacAddress::load(arp + 8)};
  } else if (info.kind == packet::Kind::kNeighbour && info.icmp_type == kAdvertisement) {
    const std::span<const uint8_t> message = frame.subspan(info.l4_offset, info.length - info.l4_offset);
    if (message.size() < 32 || message[24] != kTargetLinkLayer || message[25] != 1) return std::nullopt;
    answer = {IpAddress::load_v6(message.data() + 8), MacAddress::load(message.data() + 26)};
  } else {
    return std::nullopt;
  }
  const auto state = states_.find(answer.address);
  if (state == states_.end() || answer.mac.is_multicast() || answer.mac.is_zero()) return std::nullopt;
  state->second.known = true;
  state->second.heard = now;
  return answer;
}

}  // namespace outrigger::engine
