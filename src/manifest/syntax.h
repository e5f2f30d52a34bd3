// The forms Kubernetes gives to names, labels and ports.  Each function returns what is wrong, or "" when
// nothing is.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace outrigger::manifest {

std::string dns_label_fault(std::string_view text);      // RFC 1123 label: "web-1"
std::string dns_subdomain_fault(std::string_view text);  // RFC 1123 labels joined by dots: "web.shop"
std::string label_key_fault(std::string_view text);      // "[prefix/]name"
std::string label_value_fault(std::string_view text);
std::string port_name_fault(std::string_view text);  // RFC 6335 §5.1: "http"

// The one of `known` that a misspelt `text` most likely meant, or "".
template <typename Range>
std::string_view nearest(std::string_view text, const Range& known);

// Damerau-Levenshtein without case, as people mistype: insert, delete, replace, swap neighbours.
size_t edit_distance(std::string_view a, std::string_view b);

template <typename Range>
std::string_view nearest(std::string_view text, const Range& known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(text.size() / 3, 1) + 1;  // from here on it is another word
  for (const std::string_view candidate : known) {
    const size_t distance = edit_distance(text, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace outrigger::manifest
