// YAML text to objects, with every fault by file, line and field; nothing is guessed and nothing is skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/objects.h"

namespace outrigger::manifest {

struct Reading {
  std::vector<Document> documents;
  std::vector<Fault> faults;  // empty: every document is usable
};

// One YAML text of one or more documents (also `kind: List`).  Unknown kinds, fields and types are faults;
// Kubernetes' metadata and status fields that do not concern us are accepted and ignored.  All faults are
// collected.
Reading read(std::string_view text, const std::string& file);

// A file, or every *.yaml and *.yml below a folder in name order; "-" is standard input.
Reading read_path(const std::string& path);

}  // namespace outrigger::manifest
