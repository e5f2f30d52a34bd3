// One reader per kind.  Each reads what it can and reports the rest; the object counts only when nothing was
// reported.
#pragma once

#include "manifest/objects.h"
#include "manifest/spot.h"

namespace outrigger::manifest {

// `top` is the document's mapping; its metadata has been read into `meta`.
Object read_node(const Map& top, Metadata meta);
Object read_network(const Map& top, Metadata meta);
Object read_endpoint(const Map& top, Metadata meta);
Object read_service(const Map& top, Metadata meta);
Object read_namespace(const Map& top, Metadata meta);
Object read_pod(const Map& top, Metadata meta);
Object read_network_policy(const Map& top, Metadata meta);
Object read_admin_policy(const Map& top, Metadata meta);
Object read_baseline_policy(const Map& top, Metadata meta);

enum class Scope { kCluster, kNamespaced };
enum class NameForm { kLabel, kSubdomain };
Metadata read_metadata(const Map& top, Scope scope, NameForm form);

LabelSelector read_selector(const Spot& at);  // metav1.LabelSelector

// A list of `{name, protocol, <port_field>}`; entries without a name are left out when `name_needed` is not
// set.
enum class PortNames { kNeeded, kOptional };
std::vector<NamedPort> read_named_ports(const Spot& at, std::string_view port_field, PortNames names);

}  // namespace outrigger::manifest
