// What a lab makes is found again by its name, also by a later process that knows nothing else.  A lab's name
// holds no dot, so "or-<lab>." is the prefix of no other lab's namespaces; Kubernetes namespaces hold none
// either, so the first dot of "shop.web-1" ends the namespace.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/address.h"

namespace outrigger::lab {

// InvalidArgument unless 1 to 32 of a-z, 0-9, '-' and '_'.
absl::Status check_name(const std::string& lab);

std::string prefix(const std::string& lab);                               // "or-default."
std::string fabric_netns(const std::string& lab);                         // "or-default.fabric"
std::string node_netns(const std::string& lab, const std::string& node);  // "or-default.node.host-a"
std::string host_netns(const std::string& lab, const std::string& node);  // "or-default.host.host-a"
std::string endpoint_netns(const std::string& lab,
                           const std::string& endpoint);  // "or-default.ep.shop.web-1"

// "shop/web-1" of an endpoint's namespace in this lab; nullopt for any other.
std::optional<std::string> endpoint_of(const std::string& lab, const std::string& netns);
// "default" of "or-default.fabric"; nullopt for namespaces of others.
std::optional<std::string> lab_of(const std::string& netns);

// Device names, at most 15 bytes.
std::string uplink_name(
    const std::string& node);  // in the fabric: "up-host-a", with a hash when that is too long
std::string host_uplink_name(const std::string& node);  // of the host's own kernel: "hu-host-a"
std::string veth_name(const MacAddress& endpoint);      // on a plain node: "v020000000301"

// A MAC for the kernel's end of an uplink: a bridge takes frames for its ports' own MACs as its own, so the
// tap must not keep the one the engine uses.
MacAddress uplink_mac(const std::string& node);

}  // namespace outrigger::lab
