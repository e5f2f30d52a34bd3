// Nodes whose host carries their traffic for the time being.  Their endpoints are then behind the host's own
// tunnel address (Node.spec.fallback.underlay) instead of the DPU's.  What is sent to them goes there alone;
// what comes from them may come through the DPU's tunnel, too, so that the node can move its endpoints back
// one after the other.  For a moment after that the host is still heard.  The health network stays with the
// DPU: by it one sees that it is back.  While no fallback is in force the host's address is no peer's at all.
#pragma once

#include <map>
#include <set>
#include <string>

#include "compiler/compiler.h"

namespace outrigger::compiler {

// In `structure`, as compile() made it, moves the endpoints of the nodes in force to a peer of their own
// named "NODE/fallback"; those of nodes that are leaving it stay, but are heard from there.  Nodes without a
// fallback address, and those that are not peers, are left as they are.  Ids are kept in `ids.peers` for the
// next time.
void apply_fallback(const std::vector<const manifest::Object*>& objects,
                    const std::set<std::string>& in_force, const std::set<std::string>& leaving, Ids& ids,
                    ::outrigger::engine::v1::Structure& structure);

// The hosts' own tunnel addresses by node.
using FallbackAddresses = std::map<std::string, IpAddress>;
FallbackAddresses fallback_addresses(const std::vector<const manifest::Object*>& objects);

// This node's own DPU has given its work to the host: it speaks through no tunnel and answers none, so that
// its peers see the host alone.
void yield(::outrigger::engine::v1::Structure& structure);

// The step before: it carries what comes, but answers no peer's probe, so that they move over to the host.
void be_quiet(::outrigger::engine::v1::Structure& structure);

}  // namespace outrigger::compiler
