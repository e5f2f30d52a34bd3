// What makes a neighbour discovery message valid: RFC 4861 §6.1 (routers), §7.1 (neighbours), §8.1
// (redirect).
#include "packet/checksum.h"
#include "packet/walk.h"
#include "packet/wire.h"

namespace outrigger::packet {
namespace {

constexpr uint8_t kSourceLinkLayerAddress = 1;  // option, RFC 4861 §4.6
constexpr uint8_t kHopLimit = 255;
constexpr unsigned kMaxOptions = 32;

// Bytes before the options; 0 for a type that is not neighbour discovery.
size_t fixed_part(uint8_t type) {
  switch (type) {
    case kRouterSolicitation:
      return 8;
    case kRouterAdvertisement:
      return 16;
    case kNeighbourSolicitation:
    case kNeighbourAdvertisement:
      return 24;
    case kRedirectV6:
      return 40;
    default:
      return 0;
  }
}

// Every option has a length, in eights and not zero, inside the message.
bool options_valid(std::span<const uint8_t> options, bool* has_source_address) {
  for (unsigned count = 0; !options.empty(); ++count) {
    if (count == kMaxOptions || options.size() < 8) return false;
    const size_t length = options[1] * 8u;
    if (length == 0 || length > options.size()) return false;
    *has_source_address |= options[0] == kSourceLinkLayerAddress;
    options = options.subspan(length);
  }
  return true;
}

bool is_solicited_node(const IpAddress& address) {  // RFC 4291 §2.7.1: ff02::1:ff00:0/104
  return address.hi == 0xff02'0000'0000'0000 && address.lo >> 24 == 0x1'ff;
}

bool fields_valid(const Walk& walk, const uint8_t* message, bool has_source_address) {
  const bool unspecified = walk.source.is_zero();
  switch (message[0]) {
    case kRouterSolicitation:
      return !(unspecified && has_source_address);
    case kRouterAdvertisement:
      return walk.source.is_link_local();
    case kNeighbourSolicitation:
      if (IpAddress::load_v6(message + 8).is_multicast()) return false;
      return !unspecified || (is_solicited_node(walk.destination) && !has_source_address);
    case kNeighbourAdvertisement: {
      const bool solicited = (message[4] & 0x40) != 0;
      if (IpAddress::load_v6(message + 8).is_multicast()) return false;
      return !unspecified && !(solicited && walk.destination.is_multicast());
    }
    default: {  // redirect
      const IpAddress target = IpAddress::load_v6(message + 8);
      const IpAddress destination = IpAddress::load_v6(message + 24);
      if (!walk.source.is_link_local() || destination.is_multicast()) return false;
      return target.is_link_local() || target == destination;
    }
  }
}

}  // namespace

Drop check_neighbour(const Walk& walk) {
  const auto message = walk.frame.subspan(walk.at);
  const size_t fixed = fixed_part(message[0]);
  // RFC 6980 §5: never in fragments, whose pieces would hide what they claim.
  const bool fragmented = walk.info.first_fragment;
  if (fixed == 0 || message.size() < fixed || fragmented) return Drop::kNdMalformed;
  if (walk.info.ttl != kHopLimit || message[1] != 0) return Drop::kNdMalformed;
  bool has_source_address = false;
  if (!options_valid(message.subspan(fixed), &has_source_address)) return Drop::kNdMalformed;
  if (!fields_valid(walk, message.data(), has_source_address)) return Drop::kNdMalformed;
  // A segment with its checksum in place sums to zero.
  if (transport_checksum(walk.source, walk.destination, kIcmpV6, message) != 0) return Drop::kNdMalformed;
  return Drop::kNone;
}

}  // namespace outrigger::packet
