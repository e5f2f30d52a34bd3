#include "services/vswitch/tcp_reset.h"

#include "packet/builder.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

constexpr uint8_t kTtl = 64;
constexpr size_t kHeader = 20;

// SEG.LEN: the payload, SYN and FIN counted as bytes (RFC 9293 §3.4).
uint32_t segment_length(const packet::PacketInfo& info, const uint8_t* tcp) {
  const size_t header = (tcp[12] >> 4) * 4u;
  const size_t payload = info.length - std::min<size_t>(info.length, info.l4_offset + header);
  const bool syn = (info.tcp_flags & packet::kSyn) != 0;
  const bool fin = (info.tcp_flags & packet::kFin) != 0;
  return static_cast<uint32_t>(payload) + (syn ? 1 : 0) + (fin ? 1 : 0);
}

}  // namespace

size_t tcp_reset(const engine::FirstPacket& packet, const Sender& sender, std::span<uint8_t> frame) {
  const packet::PacketInfo& info = packet.info;
  if ((info.tcp_flags & packet::kRst) != 0) return 0;
  if (info.first_fragment || packet.frame.size() < info.l4_offset + kHeader) return 0;
  const uint8_t* tcp = packet.frame.data() + info.l4_offset;
  const bool acknowledges = (info.tcp_flags & packet::kAck) != 0;
  const uint32_t sequence = acknowledges ? load_be32(tcp + 8) : 0;
  const uint32_t acknowledged = acknowledges ? 0 : load_be32(tcp + 4) + segment_length(info, tcp);
  const uint8_t flags = acknowledges ? packet::kRst : packet::kRst | packet::kAck;
  // A packet that another node routed here carries the gateway's MAC; its answer comes from the gateway too.
  const bool bridged = ethernet_source(packet.frame) == sender.endpoint->mac;
  const MacAddress from = bridged ? ethernet_destination(packet.frame) : sender.network->gateway_mac;
  return packet::Builder(frame)
      .ethernet(sender.endpoint->mac, from)
      .ip(info.destination(), info.source(), kTtl)
      .tcp(info.destination_port(), info.source_port(), flags, sequence, acknowledged, 0)
      .finish();
}

}  // namespace outrigger::vswitch
