// A flow as users write it: "shop/client-1,shop/web-1,tcp,80", either side also an address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::compiler {

struct FlowSpec {
  std::string source, destination;  // "namespace/name" or an address, as written
  uint8_t protocol = 0;  // IP protocol number; icmp is 1 for both families until addresses are known
  uint16_t port = 0;     // of the destination; 0 for protocols without
  friend bool operator==(const FlowSpec&, const FlowSpec&) = default;
};

// "source,destination,protocol,port"; spaces around the commas are ignored.  Protocol: tcp, udp, sctp, icmp,
// icmpv6 or a number; the port is left out, or 0, where the protocol has none.
absl::StatusOr<FlowSpec> parse_flow(std::string_view line);

// One flow a line; blank lines and # comments are skipped.  An error names `file`:line.
absl::StatusOr<std::vector<FlowSpec>> parse_flows(std::string_view text, const std::string& file);

std::string protocol_name(uint8_t protocol);  // "tcp", "udp", "sctp", "icmp" (58 too), else the number

}  // namespace outrigger::compiler
