#include "dpu/probe.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "packet/builder.h"
#include "packet/packet_info.h"

namespace outrigger::agent {

namespace {

constexpr uint16_t kEphemeral = 49999;   // IANA dynamic range, RFC 6335 §6
constexpr uint8_t kEchoRequest = 8;      // RFC 792
constexpr uint8_t kEchoRequestV6 = 128;  // RFC 4443 §4.1

std::optional<uint8_t> number_of(const std::string& protocol) {
  const std::string name = absl::AsciiStrToLower(protocol);
  if (name == "tcp") return packet::kTcp;
  if (name == "udp") return packet::kUdp;
  if (name == "sctp") return packet::kSctp;
  if (name == "icmp" || name == "icmpv6" || name == "icmp6") return packet::kIcmp;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(name, &number) || number > 255) return std::nullopt;
  return number == packet::kIcmpV6 ? packet::kIcmp : static_cast<uint8_t>(number);
}

}  // namespace

absl::StatusOr<Flow> parse_flow(const std::string& protocol, uint32_t port, uint32_t source_port) {
  const std::optional<uint8_t> number = number_of(protocol);
  if (!number) {
    return absl::InvalidArgumentError(
        absl::StrCat("protocol \"", protocol, "\": must be tcp, udp, sctp, icmp or a number up to 255"));
  }
  const bool has_ports = *number == packet::kTcp || *number == packet::kUdp || *number == packet::kSctp;
  if (port > 65535 || source_port > 65535) return absl::InvalidArgumentError("a port is at most 65535");
  if (has_ports && port == 0)
    return absl::InvalidArgumentError(absl::StrCat(protocol, " needs a destination port"));
  if (!has_ports && (port != 0 || source_port != 0)) {
    return absl::InvalidArgumentError(absl::StrCat("protocol ", protocol, " has no ports"));
  }
  const uint16_t from = source_port == 0 && has_ports ? kEphemeral : static_cast<uint16_t>(source_port);
  return Flow{*number, from, static_cast<uint16_t>(port)};
}

std::vector<uint8_t> make_probe(const Flow& flow, const Hop& hop) {
  std::vector<uint8_t> frame(256);
  packet::Builder builder(frame);
  builder.ethernet(hop.destination_mac, hop.source_mac).ip(hop.source, hop.destination, hop.ttl);
  switch (flow.protocol) {
    case packet::kTcp:
      builder.tcp(flow.source_port, flow.destination_port, packet::kSyn, 1);
      break;
    case packet::kUdp:
      builder.udp(flow.source_port, flow.destination_port);
      break;
    case packet::kSctp:
      builder.sctp(flow.source_port, flow.destination_port);
      break;
    case packet::kIcmp:
      builder.icmp(hop.source.is_v4() ? kEchoRequest : kEchoRequestV6, 0, 0x4f520001);
      break;
    default:
      builder.protocol(flow.protocol).zeros(8);
  }
  frame.resize(builder.finish());
  return frame;
}

}  // namespace outrigger::agent
