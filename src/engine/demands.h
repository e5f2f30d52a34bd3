// What an update asks of the engine itself: ports to attach, and how long and how many sessions may live.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "engine/ports.h"
#include "engine/published.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::engine {

inline constexpr uint16_t kBufferRoom = 2048;  // bytes of a frame in one packet buffer
inline constexpr uint16_t kLargestMtu = kBufferRoom - 14;

std::vector<PortRequest> requests(const ::outrigger::engine::v1::Structure& structure);

// InvalidArgument names the port whose MTU no buffer holds.
absl::Status check_mtu(const std::vector<PortRequest>& wanted);

// One worker's share of `workers`.
Limits limits_of(const ::outrigger::engine::v1::Structure& structure, unsigned workers);

}  // namespace outrigger::engine
