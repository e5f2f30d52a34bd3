#include "services/vswitch/neighbour.h"

#include <array>

#include "packet/builder.h"
#include "services/vswitch/resolve.h"
#include "services/vswitch/router_advertisement.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using engine::Step;
using State = VswitchTable::State;

constexpr uint8_t kRouterSolicitation = 133, kNeighbourSolicitation = 135, kNeighbourAdvertisement = 136;
constexpr uint8_t kSourceLinkLayer = 1, kTargetLinkLayer = 2;  // options, RFC 4861 §4.6.1
constexpr size_t kTargetOffset = 8;
constexpr uint8_t kHopLimit = 255;

size_t options_offset(uint8_t type) { return type == kRouterSolicitation ? 8 : 24; }

// Whether every link-layer option of the type names `mac`.
bool options_name(std::span<const uint8_t> options, uint8_t type, const MacAddress& mac) {
  while (options.size() >= 8) {
    const size_t length = options[1] * 8u;
    if (length == 0 || length > options.size()) return false;
    if (options[0] == type && (length != 8 || MacAddress::load(options.data() + 2) != mac)) return false;
    options = options.subspan(length);
  }
  return options.empty();
}

IpAddress target_of(const FirstPacket& packet) {
  const auto message = bytes_from(packet, packet.info.l4_offset);
  return message.size() < kTargetOffset + 16 ? IpAddress{}
                                             : IpAddress::load_v6(message.data() + kTargetOffset);
}

bool is_spoofed(const FirstPacket& packet, const State& state, const EndpointEntry& endpoint) {
  const uint8_t type = packet.info.icmp_type;
  const auto message = bytes_from(packet, packet.info.l4_offset);
  if (message.size() < options_offset(type)) return true;
  const uint8_t option = type == kNeighbourAdvertisement ? kTargetLinkLayer : kSourceLinkLayer;
  if (!options_name(message.subspan(options_offset(type)), option, endpoint.mac)) return true;
  return type == kNeighbourAdvertisement && state.ownership(endpoint, target_of(packet)) == Ownership::kNone;
}

std::optional<MacAddress> answer(const FirstPacket& packet, const State& state, const Sender& sender) {
  if (packet.info.icmp_type != kNeighbourSolicitation) return std::nullopt;
  return resolve(packet, state, sender, target_of(packet), packet.info.source().is_zero());
}

}  // namespace

Step decide_neighbour(const FirstPacket& packet, const State& state, const Sender& sender) {
  if (sender.endpoint == nullptr || is_spoofed(packet, state, *sender.endpoint)) {
    return Step::dropped(Drop::kSpoofedNd);
  }
  const bool answered = packet.info.icmp_type == kRouterSolicitation
                            ? advertises_router(*sender.network)
                            : answer(packet, state, sender).has_value();
  return answered ? Step::respond() : Step::dropped(Drop::kNotAnswered);
}

size_t neighbour_advertisement(const FirstPacket& packet, const Advertised& advertised,
                               std::span<uint8_t> frame) {
  const bool probe = packet.info.source().is_zero();  // RFC 4861 §7.2.4: then to everyone, unsolicited
  std::array<uint8_t, 24> rest{};
  target_of(packet).store_v6(rest.data());
  rest[16] = kTargetLinkLayer;
  rest[17] = 1;
  advertised.mac.store(&rest[18]);
  const uint32_t flags = (advertised.router ? 0x8000'0000 : 0) | (probe ? 0 : 0x4000'0000) | 0x2000'0000;
  return packet::Builder(frame)
      .ethernet(probe ? kAllNodesMac : ethernet_source(packet.frame), advertised.mac)
      .ip(advertised.from, probe ? kAllNodes : packet.info.source(), kHopLimit)
      .icmp(kNeighbourAdvertisement, 0, flags)
      .payload(rest)
      .finish();
}

size_t answer_neighbour(const FirstPacket& packet, const State& state, const Sender& sender,
                        std::span<uint8_t> frame) {
  if (packet.info.icmp_type == kRouterSolicitation) {
    const bool unspecified = packet.info.source().is_zero();
    return router_advertisement(*sender.network, unspecified ? kAllNodes : packet.info.source(),
                                unspecified ? kAllNodesMac : ethernet_source(packet.frame), frame);
  }
  const std::optional<MacAddress> mac = answer(packet, state, sender);
  if (!mac) return 0;
  const bool router = *mac == sender.network->gateway_mac;
  const IpAddress target = target_of(packet);
  const bool exact = state.owner(sender.network->vni, target).kind != Owner::Kind::kNobody;
  return neighbour_advertisement(
      packet, {.mac = *mac, .from = exact ? target : sender.network->gateway_link_local, .router = router},
      frame);
}

}  // namespace outrigger::vswitch
