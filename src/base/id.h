// An integer that means one thing.  A PortId cannot be passed where an EndpointId is meant, and costs
// nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace outrigger {

template <typename Tag, typename T>
class Id {
 public:
  using value_type = T;
  constexpr Id() = default;
  constexpr explicit Id(T value) : value_(value) {}
  [[nodiscard]] constexpr T value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;
  template <typename H>
  friend H AbslHashValue(H h, Id id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  T value_{};
};

using Vni = Id<struct VniTag, uint32_t>;                // 24 bits, RFC 7348 §5
using PortId = Id<struct PortTag, uint16_t>;            // index of a port in this node's engine
using EndpointId = Id<struct EndpointTag, uint32_t>;    // index of an endpoint, local or remote
using PeerId = Id<struct PeerTag, uint16_t>;            // index of another node
using TunnelId = Id<struct TunnelTag, uint16_t>;        // index of (peer, network); 0: not tunnelled
using RuleId = Id<struct RuleTag, uint32_t>;            // index of a policy rule's counter; 0: no rule
using Epoch = Id<struct EpochTag, uint32_t>;            // one publication of the tables
using Generation = Id<struct GenerationTag, uint64_t>;  // one desired state

inline constexpr PortId kNoPort{0xffff};
inline constexpr TunnelId kNoTunnel{0};
inline constexpr EndpointId kNoEndpoint{0xffffffff};
inline constexpr RuleId kNoRule{0};

}  // namespace outrigger
