// The kinds a user may name, as kubectl would let them: singular, plural, short, in any case.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace outrigger::cli {

struct Kind {
  const char* name;      // "Endpoint"
  const char* singular;  // "endpoint", as in "endpoint/web-1 created"
  const char* plural;
  const char* brief;
  bool namespaced;
};

std::span<const Kind> kinds();
// InvalidArgument lists the kinds.
absl::StatusOr<Kind> find_kind(const std::string& text);
// The text in lower case for a kind of no list.
std::string singular(const std::string& kind_name);

}  // namespace outrigger::cli
