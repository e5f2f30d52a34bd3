// Who may call what: one table, read by a person in a minute and held to the protos by a test.  A method that
// is not in it may be called by nobody.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "dpu/secure/identity.h"

namespace outrigger::secure {

enum class Listener : uint8_t { kManagement, kHostLink };

using RoleSet = uint8_t;
constexpr RoleSet bit(Role role) { return static_cast<RoleSet>(1u << static_cast<unsigned>(role)); }

inline constexpr RoleSet kReaders =
    bit(Role::kViewer) | bit(Role::kOperator) | bit(Role::kPolicyAdmin) | bit(Role::kFleet);
inline constexpr RoleSet kOrders = bit(Role::kOperator) | bit(Role::kFleet);
inline constexpr RoleSet kWriters = bit(Role::kPolicyAdmin) | bit(Role::kFleet);  // the former: policies only
inline constexpr RoleSet kHosts = bit(Role::kHost);

struct Method {
  std::string_view path;
  RoleSet roles;
};

inline constexpr auto kMethods = std::to_array<Method>({
    {"/outrigger.v1.Config/Apply", kWriters},
    {"/outrigger.v1.Config/Plan", kReaders},
    {"/outrigger.v1.Config/Get", kReaders},
    {"/outrigger.v1.Inspect/Explain", kReaders},
    {"/outrigger.v1.Inspect/ListSessions", kReaders},
    {"/outrigger.v1.Inspect/GetStats", kReaders},
    {"/outrigger.v1.Inspect/ListDrops", kReaders},
    {"/outrigger.v1.Inspect/GetCapacity", kReaders},
    {"/outrigger.v1.Engines/ListEngines", kReaders},
    {"/outrigger.v1.Engines/ListConsumers", kReaders},
    {"/outrigger.v1.Engines/Upgrade", kOrders},
    {"/outrigger.v1.Engines/Rollback", kOrders},
    {"/outrigger.v1.Fallback/GetFallback", kReaders},
    {"/outrigger.v1.Fallback/OrderFallback", kOrders},
    {"/outrigger.v1.Fallback/Drill", kOrders},
    {"/outrigger.v1.Rollouts/GetRollout", kReaders},
    {"/outrigger.v1.Rollouts/ListRollouts", kReaders},
    {"/outrigger.v1.Rollouts/StartRollout", kOrders},
    {"/outrigger.v1.Rollouts/ChangeRollout", kOrders},
    {"/outrigger.v1.HealthReport/ListHealth", kReaders},
    {"/outrigger.v1.HealthReport/WatchHealth", kReaders},
    {"/outrigger.v1.Journal/ReadLogs", kReaders},
    {"/outrigger.v1.Journal/ListIncidents", kReaders},
    {"/outrigger.v1.Journal/ListStreams", kReaders},
    {"/outrigger.v1.HostLink/Renew", kHosts},
    {"/outrigger.v1.HostLink/FetchBundle", kHosts},
    {"/outrigger.v1.HostLink/ShipLogs", kHosts},
    {"/outrigger.v1.HostLink/ReportWindows", kHosts},
    {"/grpc.health.v1.Health/Check", kReaders},
    {"/grpc.health.v1.Health/Watch", kReaders},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kReaders},
});

// No role: nobody may.  `table` is kMethods except in tests.
RoleSet allowed(std::string_view path, std::span<const Method> table = kMethods);
constexpr bool has(RoleSet roles, Role role) { return (roles & bit(role)) != 0; }
// Calls of the host link come in on the listener of the host link, all others on that of management.
Listener listener_of(std::string_view path);

// What a policy admin may write.
bool is_policy_kind(std::string_view kind);

}  // namespace outrigger::secure
