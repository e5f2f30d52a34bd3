#include "services/vswitch/underlay.h"

#include <algorithm>

#include "services/vswitch/arp.h"
#include "services/vswitch/echo.h"
#include "services/vswitch/neighbour.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using engine::Step;
using packet::Kind;
using State = VswitchTable::State;

constexpr uint8_t kNeighbourSolicitation = 135;
constexpr size_t kTargetOffset = 8;

bool is_ours(const State& state, const IpAddress& address) {
  return std::find(state.underlay.begin(), state.underlay.end(), address) != state.underlay.end();
}

bool asks_for_us(const FirstPacket& packet, const State& state) {
  const packet::PacketInfo& info = packet.info;
  switch (info.kind) {
    case Kind::kArp:
      return is_arp_request(packet) && is_ours(state, info.destination()) && !is_ours(state, info.source());
    case Kind::kNeighbour: {
      const auto message = bytes_from(packet, info.l4_offset);
      return info.icmp_type == kNeighbourSolicitation && message.size() >= kTargetOffset + 16 &&
             is_ours(state, IpAddress::load_v6(message.data() + kTargetOffset)) &&
             !is_ours(state, info.source());
    }
    case Kind::kFlow:
      return is_echo_request(info) && !info.l2_multicast && is_ours(state, info.destination()) &&
             ethernet_destination(packet.frame) == state.underlay_mac && !is_ours(state, info.source());
    default:
      return false;
  }
}

}  // namespace

Step decide_underlay(const FirstPacket& packet, const State& state) {
  return asks_for_us(packet, state) ? Step::respond() : Step::dropped(Drop::kTunnelNotForUs);
}

size_t answer_underlay(const FirstPacket& packet, const State& state, std::span<uint8_t> frame) {
  if (!asks_for_us(packet, state)) return 0;
  if (packet.info.kind == Kind::kArp) return arp_reply(packet, state.underlay_mac, frame);
  if (packet.info.kind == Kind::kFlow) return echo_reply(packet, state.underlay_mac, frame);
  const auto message = bytes_from(packet, packet.info.l4_offset);
  const IpAddress target = IpAddress::load_v6(message.data() + kTargetOffset);
  return neighbour_advertisement(packet, {.mac = state.underlay_mac, .from = target}, frame);
}

}  // namespace outrigger::vswitch
