// Which columns `get` shows for each kind.
#pragma once

#include <ostream>

#include "outrigger/v1/config.pb.h"

namespace outrigger::cli {

// A table for each kind, an empty line between.
void print_objects(std::ostream& out, const v1::Objects& objects, bool wide);

}  // namespace outrigger::cli
