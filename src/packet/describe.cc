#include "packet/describe.h"

#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::packet {
namespace {

std::string protocol_name(uint8_t number) {
  switch (number) {
    case kTcp:
      return "tcp";
    case kUdp:
      return "udp";
    case kSctp:
      return "sctp";
    case kIcmp:
      return "icmp";
    case kIcmpV6:
      return "icmp6";
    default:
      return absl::StrCat("protocol ", number);
  }
}

std::string end(const IpAddress& address, uint16_t port) {
  if (port == 0) return address.str();
  return address.is_v4() ? absl::StrCat(address.str(), ":", port)
                         : absl::StrCat("[", address.str(), "]:", port);
}

std::string ends(const PacketInfo& info) {
  return absl::StrCat(end(info.source(), info.source_port()), " > ",
                      end(info.destination(), info.destination_port()));
}

std::string flags(uint8_t set) {
  constexpr std::array<std::pair<uint8_t, std::string_view>, 6> kNames = {
      {{kSyn, "syn"}, {kFin, "fin"}, {kRst, "rst"}, {kPsh, "psh"}, {kAck, "ack"}, {kUrg, "urg"}}};
  std::string text;
  for (const auto& [flag, name] : kNames) {
    if ((set & flag) != 0) text.append(text.empty() ? "" : " ").append(name);
  }
  return absl::StrCat(" [", text, "]");
}

std::string subject(const PacketInfo& info) {
  const std::string protocol = protocol_name(info.key.protocol());
  switch (info.kind) {
    case Kind::kArp:
      return absl::StrCat("arp ", ends(info));
    case Kind::kNeighbour:
      return absl::StrCat("neighbour type ", info.icmp_type, " ", ends(info));
    case Kind::kIcmpError:
      return absl::StrCat("icmp error type ", info.icmp_type, " about ", protocol, " ", ends(info));
    case Kind::kFragment:
      return absl::StrCat("fragment ", info.fragment_id, "@", info.fragment_offset, " ", protocol, " ",
                          ends(info));
    default:
      break;
  }
  std::string text = absl::StrCat(protocol, " ", ends(info));
  if (info.key.protocol() == kTcp) absl::StrAppend(&text, flags(info.tcp_flags));
  if (info.first_fragment) absl::StrAppend(&text, " fragment ", info.fragment_id, "@0");
  return text;
}

}  // namespace

std::string describe(const PacketInfo& info) {
  if (info.kind == Kind::kMalformed) {
    const DropInfo& drop = outrigger::info(info.drop);
    return absl::StrCat("malformed ", std::string(drop.name), ": ", std::string(drop.meaning));
  }
  std::string text = absl::StrCat(subject(info), " vni ", info.key.vni().value());
  if (info.kind != Kind::kArp) absl::StrAppend(&text, " ttl ", info.ttl);
  return absl::StrCat(text, " length ", info.length);
}

}  // namespace outrigger::packet
