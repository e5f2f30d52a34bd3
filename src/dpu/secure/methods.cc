#include "dpu/secure/methods.h"

#include <algorithm>

namespace outrigger::secure {

RoleSet allowed(std::string_view path, std::span<const Method> table) {
  const auto found =
      std::find_if(table.begin(), table.end(), [path](const Method& m) { return m.path == path; });
  return found == table.end() ? RoleSet{0} : found->roles;
}

Listener listener_of(std::string_view path) {
  return path.starts_with("/outrigger.v1.HostLink/") ? Listener::kHostLink : Listener::kManagement;
}

bool is_policy_kind(std::string_view kind) {
  return kind == "NetworkPolicy" || kind == "AdminNetworkPolicy" || kind == "BaselineAdminNetworkPolicy";
}

}  // namespace outrigger::secure
