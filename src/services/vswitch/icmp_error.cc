#include "services/vswitch/icmp_error.h"

#include <algorithm>
#include <optional>

#include "packet/builder.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using engine::Step;

constexpr size_t kLongestV4 = 576 - 20 - 8;   // of the packet quoted: RFC 1812 §4.3.2.3
constexpr size_t kLongestV6 = 1280 - 40 - 8;  // RFC 4443 §2.4 (c)
constexpr uint8_t kTtl = 64;

struct Message {
  uint8_t type;
  uint8_t code;
  uint32_t rest = 0;
};

// RFC 792, RFC 1191 §4, RFC 1812 §5.2.7.1.
std::optional<Message> message_v4(Step::Error error, uint16_t mtu) {
  switch (error) {
    case Step::Error::kTimeExceeded:
      return Message{11, 0};
    case Step::Error::kNoRoute:
      return Message{3, 0};
    case Step::Error::kHostUnreachable:
      return Message{3, 1};
    case Step::Error::kPortUnreachable:
      return Message{3, 3};
    case Step::Error::kTooBig:
      return Message{3, 4, mtu};
    case Step::Error::kProhibited:
      return Message{3, 13};
    case Step::Error::kNone:
      break;
  }
  return std::nullopt;
}

// RFC 4443 §3.
std::optional<Message> message_v6(Step::Error error, uint16_t mtu) {
  switch (error) {
    case Step::Error::kTimeExceeded:
      return Message{3, 0};
    case Step::Error::kNoRoute:
      return Message{1, 0};
    case Step::Error::kProhibited:
      return Message{1, 1};
    case Step::Error::kHostUnreachable:
      return Message{1, 3};
    case Step::Error::kPortUnreachable:
      return Message{1, 4};
    case Step::Error::kTooBig:
      return Message{2, 0, mtu};
    case Step::Error::kNone:
      break;
  }
  return std::nullopt;
}

bool deserves_error(const packet::PacketInfo& info) {
  const IpAddress& source = info.source();
  const IpAddress& destination = info.destination();
  if (source.is_zero() || source.is_multicast() || source.is_broadcast() || source.is_loopback())
    return false;
  return !destination.is_zero() && !destination.is_multicast() && !destination.is_broadcast();
}

// The gateway of the sender's subnet; for one outside all, of any subnet of its family.
std::optional<IpAddress> gateway_for(const NetworkEntry& network, const IpAddress& sender) {
  if (is_v6_link_local(sender)) return network.gateway_link_local;
  if (const SubnetEntry* subnet = network.subnet_of(sender); subnet != nullptr) return subnet->gateway;
  for (const SubnetEntry& subnet : network.subnets) {
    if (subnet.prefix.is_v4() == sender.is_v4()) return subnet.gateway;
  }
  if (sender.is_v4()) return std::nullopt;
  return network.gateway_link_local;
}

std::span<const uint8_t> quoted(const FirstPacket& packet) {
  const size_t end = std::min<size_t>(packet.info.length, packet.frame.size());
  if (end <= packet.info.l3_offset) return {};
  const auto whole = packet.frame.subspan(packet.info.l3_offset, end - packet.info.l3_offset);
  return whole.first(std::min(whole.size(), packet.info.ipv6 ? kLongestV6 : kLongestV4));
}

}  // namespace

size_t icmp_error(const FirstPacket& packet, const Sender& sender, Step::Error error, uint16_t mtu,
                  std::span<uint8_t> frame) {
  const packet::PacketInfo& info = packet.info;
  if (!deserves_error(info)) return 0;
  const auto message = info.ipv6 ? message_v6(error, mtu) : message_v4(error, mtu);
  const auto gateway = gateway_for(*sender.network, info.source());
  if (!message || !gateway) return 0;
  // To the endpoint's own MAC also when another node routed the packet here: the answer needs no routing
  // back.
  return packet::Builder(frame)
      .ethernet(sender.endpoint->mac, sender.network->gateway_mac)
      .ip(*gateway, info.source(), kTtl)
      .icmp(message->type, message->code, message->rest)
      .payload(quoted(packet))
      .finish();
}

}  // namespace outrigger::vswitch
