// Building messages from std::string_view and numbers.  Debian's Abseil is built for C++14, so its StrCat
// does not take std::string_view; these few lines do.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace outrigger::manifest {

inline void append_part(std::string& out, std::string_view text) { out.append(text); }
inline void append_part(std::string& out, std::integral auto number) { out.append(std::to_string(number)); }

template <typename... Parts>
void append(std::string& out, const Parts&... parts) {
  (append_part(out, parts), ...);
}

template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  append(out, parts...);
  return out;
}

template <typename Range>
std::string join(const Range& parts, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& part : parts) {
    append(out, first ? std::string_view() : separator, part);
    first = false;
  }
  return out;
}

}  // namespace outrigger::manifest
