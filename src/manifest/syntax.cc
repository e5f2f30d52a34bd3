#include "manifest/syntax.h"
#include "manifest/text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"

namespace outrigger::manifest {
namespace {

bool is_lower_or_digit(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

bool is_dns_label(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  if (!is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.size() > 253) return false;
  for (std::string_view rest = text;;) {
    const size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    // Kubernetes bounds the whole, not each label.
    if (label.empty() || !is_lower_or_digit(label.front()) || !is_lower_or_digit(label.back())) return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; })) {
      return false;
    }
    if (dot == rest.npos) return true;
    rest.remove_prefix(dot + 1);
  }
}

bool is_label_word(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  if (!absl::ascii_isalnum(text.front()) || !absl::ascii_isalnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

std::string dns_label_fault(std::string_view text) {
  if (is_dns_label(text)) return "";
  return cat("is \"", text.substr(0, 80),
             "\", must be 1 to 63 of a-z, 0-9 and -, with a letter or digit first and last");
}

std::string dns_subdomain_fault(std::string_view text) {
  if (is_dns_subdomain(text)) return "";
  return cat("is \"", text.substr(0, 80),
             "\", must be 1 to 253 of a-z, 0-9, - and ., with a letter or digit at both ends of each part");
}

std::string label_key_fault(std::string_view text) {
  const size_t slash = text.find('/');
  const bool prefixed = slash != text.npos;
  if (prefixed && !is_dns_subdomain(text.substr(0, slash))) {
    return cat("label key \"", text.substr(0, 80),
               "\": what stands before / must be a domain of a-z, 0-9, - and .");
  }
  if (is_label_word(prefixed ? text.substr(slash + 1) : text)) return "";
  return cat("label key \"", text.substr(0, 80),
             "\" must be 1 to 63 letters, digits, -, _ and ., with a letter or digit first and last");
}

std::string label_value_fault(std::string_view text) {
  if (text.empty() || is_label_word(text)) return "";
  return cat(
      "label value \"", text.substr(0, 80),
      "\" must be empty or up to 63 letters, digits, -, _ and ., with a letter or digit first and last");
}

std::string port_name_fault(std::string_view text) {
  const bool letters = std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_islower(c); });
  if (!letters && !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) {
    return cat("is the text \"", text.substr(0, 80), "\"; write a port number without quotes");
  }
  const bool form = is_dns_label(text) && text.size() <= 15 && text.find("--") == text.npos;
  if (form && letters) return "";
  return cat("is \"", text.substr(0, 80),
             "\", must be a port name: 1 to 15 of a-z, 0-9 and single -, with at least one letter");
}

size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t kTooLong = 64;
  if (a.size() > kTooLong || b.size() > kTooLong) return a == b ? 0 : std::max(a.size(), b.size());
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  const auto same = [&](size_t i, size_t j) {
    return absl::ascii_tolower(a[i]) == absl::ascii_tolower(b[j]);
  };
  for (size_t i = 0; i < a.size(); ++i) {
    now[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      now[j + 1] = std::min({last[j + 1] + 1, now[j] + 1, last[j] + (same(i, j) ? 0 : 1)});
      if (i > 0 && j > 0 && same(i, j - 1) && same(i - 1, j))
        now[j + 1] = std::min(now[j + 1], before[j - 1] + 1);
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

}  // namespace outrigger::manifest
