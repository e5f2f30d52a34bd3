// A lab's nodes hold the same desired state; one that is down must not leave the others half changed, so all
// are asked first.  And the lab's API towards its daemons, spoken through ours.
#pragma once

#include <vector>

#include "cli/commands.h"
#include "lab/lab.h"
#include "outrigger/v1/config.pb.h"

namespace outrigger::cli {

// Plans on every target, then applies on each.  Reports faults, what went wrong by node, and the changes of
// the first. In a lab it then moves devices to where they belong.
void apply_everywhere(Context& context, const v1::Batch& batch, bool dry_run);

// "endpoint/web-1 created", one a line, in the order of the batch.
void print_changes(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::Change>& changes,
                   std::string_view suffix);

lab::NodeApi lab_api(const Connect& connect);

}  // namespace outrigger::cli
