#include "dpu/secure/identity.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace outrigger::secure {

namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::array<std::string_view, kRoles.size()> kNames = {"viewer", "operator", "policy-admin",
                                                                "host",   "fleet",    "dpu"};

bool letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string_view name(Role role) { return kNames[static_cast<size_t>(role)]; }

std::optional<Role> role_of(std::string_view name) {
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return kRoles[static_cast<size_t>(found - kNames.begin())];
}

std::string Identity::uri() const { return absl::StrCat("spiffe://", trust_domain, "/", actor()); }

std::string Identity::actor() const { return absl::StrCat(std::string(secure::name(role)), "/", name); }

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && letter_or_digit(name.front()) &&
         letter_or_digit(name.back()) && std::all_of(name.begin(), name.end(), [](char c) {
           return letter_or_digit(c) || c == '.' || c == '-';
         });
}

absl::StatusOr<Identity> parse_spiffe(std::string_view uri) {
  const auto wrong = [&uri](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", std::string(uri), "\" ", why));
  };
  if (!uri.starts_with(kScheme)) return wrong("is no SPIFFE URI");
  const std::string_view rest = uri.substr(kScheme.size());
  const size_t first = rest.find('/');
  const size_t second = first == rest.npos ? rest.npos : rest.find('/', first + 1);
  if (second == rest.npos) return wrong("is not spiffe://TRUST_DOMAIN/ROLE/NAME");
  const std::optional<Role> role = role_of(rest.substr(first + 1, second - first - 1));
  if (!role) return wrong("names no role that we know");
  Identity found{std::string(rest.substr(0, first)), *role, std::string(rest.substr(second + 1))};
  if (!valid_name(found.trust_domain) || !valid_name(found.name))
    return wrong("is not spiffe://TRUST_DOMAIN/ROLE/NAME");
  return found;
}

}  // namespace outrigger::secure
