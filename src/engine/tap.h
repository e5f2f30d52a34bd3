// Taps of our own: "tap,iface=NAME[,mac=02:..]".  DPDK's net_tap keeps half-filled packets in the memory it
// shares between processes, where a process that is killed leaves them to its successor; a descriptor of
// /dev/net/tun holds nothing of the sort (ADR 0008).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace outrigger::engine {

struct TapName {
  std::string interface;
  std::optional<MacAddress> mac;  // the interface's, as its user sees it
};

[[nodiscard]] bool is_tap(std::string_view device);  // names one of ours, well formed or not

// InvalidArgument says what is wrong with the words.
absl::StatusOr<TapName> parse_tap(std::string_view device);

// Creates the interface (or joins it, when it is there and multi-queue), sets MAC and MTU, brings it up.  One
// non-blocking descriptor a queue, the caller's.
absl::StatusOr<std::vector<int>> open_tap(std::string_view device, unsigned queues, uint16_t mtu);

// Does nothing when the interface has been moved to a namespace that we do not see.
void set_tap_mtu(std::string_view device, uint16_t mtu);

}  // namespace outrigger::engine
