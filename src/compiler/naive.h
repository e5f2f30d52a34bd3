// A second opinion: the Kubernetes documents read word for word over the objects as users wrote them, with no
// index, no ids and no class.  Slow and plain on purpose; it shares no code with compile(), so that the two
// can be compared.
//   NetworkPolicy: kubernetes.io/docs/concepts/services-networking/network-policies
//   AdminNetworkPolicy, BaselineAdminNetworkPolicy: network-policy-api.sigs.k8s.io, KEP 2091
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "manifest/objects.h"

namespace outrigger::compiler::naive {

// An endpoint or pod by "namespace/name", or an address; the endpoint's own address is that endpoint.
struct Party {
  std::string name;   // empty: `address` alone
  IpAddress address;  // with a name and zero: the first that both sides have the family of, IPv4 before IPv6
};

// One side's verdict.
struct Side {
  bool judged = false;  // false: nobody judges there (an outside address, an endpoint of a plain node)
  bool allowed = true;
  std::vector<std::string> rules;  // each of them alone decides so; empty: no policy has anything to say
};

struct Answer {
  Side egress;   // at the source
  Side ingress;  // at the destination
  [[nodiscard]] bool allowed() const { return egress.allowed && ingress.allowed; }
};

// port: 0 for protocols without.  NotFound when a name is nobody's.
absl::StatusOr<Answer> judge(const std::vector<const manifest::Object*>& objects, const Party& source,
                             const Party& destination, uint8_t protocol, uint16_t port);

}  // namespace outrigger::compiler::naive
