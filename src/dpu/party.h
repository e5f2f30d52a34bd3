// One side of a flow as a user names it: an endpoint, or an address that an endpoint may or may not have.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/objects.h"
#include "outrigger/v1/inspect.pb.h"

namespace outrigger::agent {

// "shop/web-1", or "web-1" where only one namespace has it.  NotFound and InvalidArgument say what there is.
absl::StatusOr<const manifest::Endpoint*> find_endpoint(const std::string& text, const Snapshot& snapshot);

struct Party {
  std::string text;                              // as the user wrote it
  const manifest::Endpoint* endpoint = nullptr;  // null: nobody has the address
  IpAddress address;
  bool behind_prefix = false;              // the address is not the endpoint's own
  [[nodiscard]] std::string name() const;  // "shop/web-1", or the address
};

struct Parties {
  Party source;
  Party destination;
  const manifest::Network* network = nullptr;  // where the flow starts; null: nowhere known
};

// Both sides, with addresses of one family: IPv4 when both have it.  Addresses are sought in the network of
// the side that is an endpoint; when neither is, in the one network that has the source.
absl::StatusOr<Parties> find_parties(const std::string& source, const std::string& destination,
                                     const Snapshot& snapshot);

v1::Identity to_identity(const Party& party, const Snapshot& snapshot);

}  // namespace outrigger::agent
