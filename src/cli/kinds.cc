#include "cli/kinds.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace outrigger::cli {

namespace {

constexpr std::array<Kind, 9> kKinds = {{
    {"Node", "node", "nodes", "no", false},
    {"Network", "network", "networks", "net", false},
    {"Service", "service", "services", "svc", false},
    {"Namespace", "namespace", "namespaces", "ns", false},
    {"Endpoint", "endpoint", "endpoints", "ep", true},
    {"Pod", "pod", "pods", "po", true},
    {"NetworkPolicy", "networkpolicy", "networkpolicies", "netpol", true},
    {"AdminNetworkPolicy", "adminnetworkpolicy", "adminnetworkpolicies", "anp", false},
    {"BaselineAdminNetworkPolicy", "baselineadminnetworkpolicy", "baselineadminnetworkpolicies", "banp",
     false},
}};

}  // namespace

std::span<const Kind> kinds() { return kKinds; }

absl::StatusOr<Kind> find_kind(const std::string& text) {
  std::string known;
  for (const Kind& kind : kKinds) {
    for (const char* form : {kind.singular, kind.plural, kind.brief}) {
      if (absl::EqualsIgnoreCase(text, form)) return kind;
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", kind.plural, " (", kind.brief, ")");
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown kind \"", text, "\"; there are: ", known));
}

std::string singular(const std::string& kind_name) { return absl::AsciiStrToLower(kind_name); }

}  // namespace outrigger::cli
