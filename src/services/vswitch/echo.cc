#include "services/vswitch/echo.h"

#include "packet/builder.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

constexpr uint8_t kReply = 0, kRequest = 8, kRequestV6 = 128, kReplyV6 = 129;
constexpr size_t kHeader = 8;
constexpr uint8_t kTtl = 64;

}  // namespace

bool is_echo_request(const packet::PacketInfo& info) {
  if (info.kind != packet::Kind::kFlow || info.first_fragment) return false;
  if (info.ipv6) return info.key.protocol() == packet::kIcmpV6 && info.icmp_type == kRequestV6;
  return info.key.protocol() == packet::kIcmp && info.icmp_type == kRequest;
}

size_t echo_reply(const engine::FirstPacket& packet, const MacAddress& mac, std::span<uint8_t> frame) {
  const auto message = bytes_from(packet, packet.info.l4_offset);
  if (message.size() < kHeader) return 0;
  return packet::Builder(frame)
      .ethernet(ethernet_source(packet.frame), mac)
      .ip(packet.info.destination(), packet.info.source(), kTtl)
      .icmp(packet.info.ipv6 ? kReplyV6 : kReply, 0, load_be32(&message[4]))
      .payload(message.subspan(kHeader))
      .finish();
}

}  // namespace outrigger::vswitch
