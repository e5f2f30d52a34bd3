// Who speaks: a role and a name, written into a certificate as a SPIFFE URI and read back from it.  What a
// role may do is in methods.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace outrigger::secure {

enum class Role : uint8_t {
  kViewer,       // reads
  kOperator,     // and orders: engines, rollouts, fallback
  kPolicyAdmin,  // reads, and writes policies
  kHost,         // the host link of its own node and nothing else
  kFleet,        // all of the management API
  kDpu,          // the servers; calls nobody
};

inline constexpr std::array kRoles = {Role::kViewer, Role::kOperator, Role::kPolicyAdmin,
                                      Role::kHost,   Role::kFleet,    Role::kDpu};

std::string_view name(Role role);  // "viewer", "policy-admin", ...
std::optional<Role> role_of(std::string_view name);

struct Identity {
  std::string trust_domain;
  Role role = Role::kViewer;
  std::string name;                         // of a host or DPU: its node
  [[nodiscard]] std::string uri() const;    // "spiffe://outrigger.local/operator/alice"
  [[nodiscard]] std::string actor() const;  // "operator/alice"
  friend bool operator==(const Identity&, const Identity&) = default;
};

// InvalidArgument when it is no such URI or names no role.
absl::StatusOr<Identity> parse_spiffe(std::string_view uri);

// Lower-case letters, digits, '.' and '-', at most 63, beginning and ending with a letter or digit.
bool valid_name(std::string_view name);

}  // namespace outrigger::secure
