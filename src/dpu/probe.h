// The packet that `explain` asks about: the first of its flow, as its sender would put it on the wire.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace outrigger::agent {

struct Flow {
  uint8_t protocol = 0;  // ICMP and ICMPv6 are one until the family is known
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

// InvalidArgument: an unknown protocol, or a port where there is none or none where there is one.
absl::StatusOr<Flow> parse_flow(const std::string& protocol, uint32_t port, uint32_t source_port);

struct Hop {
  MacAddress source_mac;
  MacAddress destination_mac;
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = 64;
};

// A TCP SYN, an ICMP echo request, an empty datagram: what opens the flow.
std::vector<uint8_t> make_probe(const Flow& flow, const Hop& hop);

}  // namespace outrigger::agent
