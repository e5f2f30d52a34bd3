// A host that hears nothing from its DPU cannot know whether the DPU is dead or the link between them is cut.
// But the DPU is also the switch that the host's endpoints are plugged into: what they ask it, it answers for
// as long as it carries.  So it is asked as an endpoint would ask: who has the gateway?  (RFC 826, RFC 4861
// §4.3)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/address.h"
#include "host/world.h"

namespace outrigger::host {

struct GatewayQuestion {
  MacAddress mac;  // the endpoint's
  IpAddress address, gateway;
};

// Of the first address that has a gateway; nullopt when none has.
std::optional<GatewayQuestion> question_of(const NetworkWorld& network, const Place& place);
std::vector<uint8_t> question_frame(const GatewayQuestion& question);
bool is_answer(const GatewayQuestion& question, std::span<const uint8_t> frame);

// Through `device` of that namespace; false after `patience`, or when it cannot be asked.
bool gateway_answers(const std::string& netns, const std::string& device, const GatewayQuestion& question,
                     absl::Duration patience);

}  // namespace outrigger::host
