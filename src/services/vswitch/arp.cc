#include "services/vswitch/arp.h"

#include "packet/builder.h"
#include "services/vswitch/resolve.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using engine::Step;
using State = VswitchTable::State;

constexpr uint16_t kRequest = 1, kReply = 2;  // RFC 826
constexpr size_t kSize = 28;

// The message's fields; the parser has checked its size and types.
struct Arp {
  uint16_t operation = 0;
  MacAddress sender_mac;
  IpAddress sender;
  IpAddress target;
};

Arp read(const FirstPacket& packet) {
  if (packet.frame.size() < packet.info.l3_offset + kSize) return {};
  const uint8_t* at = packet.frame.data() + packet.info.l3_offset;
  return {load_be16(at + 6), MacAddress::load(at + 8), IpAddress::load_v4(at + 14),
          IpAddress::load_v4(at + 24)};
}

bool is_spoofed(const Arp& arp, const State& state, const EndpointEntry& endpoint) {
  if (arp.sender_mac != endpoint.mac) return true;
  if (arp.sender.is_zero()) return arp.operation != kRequest;  // a probe, RFC 5227 §2.1.1
  return state.ownership(endpoint, arp.sender) == Ownership::kNone;
}

std::optional<MacAddress> answer(const Arp& arp, const FirstPacket& packet, const State& state,
                                 const Sender& sender) {
  if (arp.operation != kRequest || arp.sender == arp.target) return std::nullopt;  // or an announcement
  return resolve(packet, state, sender, arp.target, arp.sender.is_zero());
}

}  // namespace

Step decide_arp(const FirstPacket& packet, const State& state, const Sender& sender) {
  const Arp arp = read(packet);
  if (sender.endpoint == nullptr || is_spoofed(arp, state, *sender.endpoint))
    return Step::dropped(Drop::kSpoofedArp);
  return answer(arp, packet, state, sender) ? Step::respond() : Step::dropped(Drop::kNotAnswered);
}

bool is_arp_request(const FirstPacket& packet) { return read(packet).operation == kRequest; }

size_t arp_reply(const FirstPacket& packet, const MacAddress& mac, std::span<uint8_t> frame) {
  const Arp arp = read(packet);
  if (arp.operation != kRequest) return 0;
  return packet::Builder(frame)
      .ethernet(arp.sender_mac, mac)
      .arp(kReply, mac, arp.target, arp.sender_mac, arp.sender)
      .finish();
}

size_t answer_arp(const FirstPacket& packet, const State& state, const Sender& sender,
                  std::span<uint8_t> frame) {
  const std::optional<MacAddress> mac = answer(read(packet), packet, state, sender);
  return mac ? arp_reply(packet, *mac, frame) : 0;
}

}  // namespace outrigger::vswitch
