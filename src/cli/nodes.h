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
void apply_everywhere(Context& context, v1::Batch batch, bool dry_run);

// The one there is.  InvalidArgument names them when there are several: what changes a node is for no guess.
absl::StatusOr<Target> only(const std::vector<Target>& all);
// The daemon of --socket or --server, the lab's --node, or the lab's only one.
absl::StatusOr<Target> target_to_change(const Context& context);

// "endpoint/web-1 created", one a line, in the order of the batch.
void print_changes(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::Change>& changes,
                   std::string_view suffix);

lab::NodeApi lab_api(const Connect& connect);

}  // namespace outrigger::cli
