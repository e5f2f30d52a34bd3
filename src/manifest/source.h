// A manifest's text is untrusted: it may be huge, binary, or hold many documents of which one is broken.  It
// is checked for being text at all and cut at its document markers first, so that each document is parsed,
// reported and kept alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::manifest {

inline constexpr size_t kMaxSourceBytes = 32u << 20;

struct Slice {
  std::string_view text;  // into the source, without its markers
  int first_line = 1;     // line of text's first character
};

struct SourceFault {
  int line = 1;
  std::string problem;
};

// Nothing when `text` is UTF-8 of at most kMaxSourceBytes without control characters (YAML 1.2 §5.1).
std::optional<SourceFault> check_source(std::string_view text);

// The documents between the lines that begin with "---" or "..." (YAML 1.2 §9.1; nothing in YAML can hide
// such a line). Slices of blank lines, comments and directives only are left out.
std::vector<Slice> split_documents(std::string_view text);

}  // namespace outrigger::manifest
