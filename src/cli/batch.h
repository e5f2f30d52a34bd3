// Manifests from the command line: files, folders and "-", with every fault found on the way.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "manifest/read.h"
#include "outrigger/v1/config.pb.h"

namespace outrigger::cli {

// Of a file, or of the standard input when it is "-".
absl::StatusOr<std::string> read_text(const std::string& path);

manifest::Reading read_all(const std::vector<std::string>& paths);

v1::Batch to_batch(const std::vector<manifest::Document>& documents);
v1::Key key_of(const manifest::Object& object);
manifest::Fault to_fault(const v1::Fault& fault);

// Of the faults found in a batch whose `unreadable` documents are missing, those that are not merely about
// that.
std::vector<manifest::Fault> not_about(const std::vector<manifest::Fault>& unreadable,
                                       std::vector<manifest::Fault> faults);

// One a line, then how many; nothing when there are none.
void print_faults(std::ostream& err, const std::vector<manifest::Fault>& faults);

}  // namespace outrigger::cli
