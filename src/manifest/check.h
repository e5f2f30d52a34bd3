// Whether objects are sound together: duplicates, dangling references, overlapping subnets, addresses outside
// their subnet, MACs and addresses claimed twice.
#pragma once

#include <vector>

#include "manifest/objects.h"

namespace outrigger::manifest {

// The whole desired state: every object that would be in force.  All faults, each at the object that should
// change (the later one of a pair, by position).  Linear in the number of objects, but for subnet overlaps
// inside a network.
std::vector<Fault> check(const std::vector<const Object*>& objects);

}  // namespace outrigger::manifest
