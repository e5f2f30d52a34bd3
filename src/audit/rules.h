// A host that carries its own traffic enforces policy by rules of its kernel, which whoever is root there may
// remove.  These are those rules: found, taken away as root would, and put back whatever happens.
//
// Only what belongs to the fallback is touched: every table in the namespaces that it has for itself, and
// those named outrigger* in this one.  What others have there (a firewall's, a container engine's) is left.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/afterwards.h"

namespace outrigger::audit {

struct RuleTable {
  std::string netns;  // path; "" is our own
  std::string name;   // "inet outrigger"
  [[nodiscard]] std::string str() const;
};

// Of namespaces whose names begin with `prefix`, and of this one.
absl::StatusOr<std::vector<RuleTable>> rules_of_the_host(const std::string& prefix);

class TakenRules {
 public:
  // FailedPrecondition: there is none, or one could not be put back as it is; nothing was touched then.
  static absl::StatusOr<TakenRules> take(std::vector<RuleTable> tables);
  // Once more: the host's agent may have put them back.
  absl::Status take_again();
  [[nodiscard]] bool are_gone() const;
  // What was put back or made anew meanwhile stays as it is.
  absl::Status put_back();
  [[nodiscard]] std::string str() const;  // "3 tables (inet outrigger in or-shop.fb.100, ...)"

 private:
  TakenRules(std::vector<RuleTable> tables, Afterwards back)
      : tables_(std::move(tables)), back_(std::move(back)) {}
  std::vector<RuleTable> tables_;
  Afterwards back_;
};

}  // namespace outrigger::audit
