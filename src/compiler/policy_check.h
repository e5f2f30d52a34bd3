// `outrigger policy check`: verdicts from manifests alone.  The objects go through compile() and the engine's
// own PolicyTable, so the answer is the classifier's, not a simulation's. Thread-safety: `check` is const and
// may be called by any number of threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/flow.h"
#include "manifest/objects.h"

namespace outrigger::compiler {

// What one side's policies say.
struct SideVerdict {
  bool judged = false;  // false: nobody judges there (an outside address, an endpoint of a plain node)
  bool allowed = true;
  std::string rule;  // empty: no policy has anything to say
};

struct Verdict {
  std::string source, destination;  // as the flow said
  std::string protocol;
  uint16_t port = 0;
  bool allowed = true;
  std::string rule;  // what decided: the side that denies; of two that allow, ingress first; empty: no policy
  SideVerdict egress, ingress;
};

// {"source", "destination", "protocol", "port", "verdict": "allow"|"deny", "rule", "egress", "ingress"}, on
// one line.
std::string to_json(const Verdict& verdict);

class PolicyCheck {
 public:
  // Objects must have passed manifest::check.  They are not needed afterwards.
  static absl::StatusOr<PolicyCheck> build(const std::vector<const manifest::Object*>& objects);
  ~PolicyCheck();
  PolicyCheck(PolicyCheck&&) noexcept;
  PolicyCheck& operator=(PolicyCheck&&) noexcept;

  // NotFound: a name that is nobody's.  InvalidArgument: an address that several endpoints have, and nothing
  // to tell them apart; the message names them.
  [[nodiscard]] absl::StatusOr<Verdict> check(const FlowSpec& flow) const;

 private:
  struct State;
  explicit PolicyCheck(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::compiler
