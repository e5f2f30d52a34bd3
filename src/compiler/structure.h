// What stands where: this node's ports and underlay, every network and endpoint, and the other nodes.
#pragma once

#include "absl/status/status.h"
#include "compiler/compiler.h"
#include "compiler/objects.h"

namespace outrigger::compiler {

absl::Status write_structure(const Objects& objects, const manifest::Node& node, const Devices& devices,
                             Ids& ids, ::outrigger::engine::v1::Structure& out);

}  // namespace outrigger::compiler
