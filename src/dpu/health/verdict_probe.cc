#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dpu/health/probe_frames.h"
#include "dpu/health/probes.h"
#include "packet/packet_info.h"

namespace outrigger::agent {

namespace {

using compiler::kAllowedPort;
using compiler::kDeniedPort;
using compiler::kIsolatedPort;

constexpr uint16_t kFreshFrom = 20000;  // source ports of flows that are new each time, one after the other
constexpr uint16_t kFresh = 2000;       // of them: by the time one comes again its session is long gone
constexpr uint16_t kRepeated = 19999;   // of the flow that is the same each time
// How long a denied packet has to be wrong in: several times what an allowed one took just before, and no
// less.
constexpr absl::Duration kQuietest = absl::Milliseconds(5);
constexpr unsigned kTimesAllowed = 4;

class Verdict {
 public:
  Verdict(ProbeSources sources, absl::Duration timeout)
      : sources_(std::move(sources)),
        timeout_ms_(static_cast<unsigned>(absl::ToInt64Milliseconds(timeout))) {}

  Finding operator()() {
    const auto plan = sources_.plan ? sources_.plan() : std::nullopt;
    if (!plan || !sources_.echo)
      return {ProbeOutcome::kNothing, "nothing to probe: no desired state for this node"};
    ++round_;
    const uint8_t protocol = round_ % 2 == 0 ? packet::kUdp : packet::kTcp;
    const auto fresh = static_cast<uint16_t>(kFreshFrom + round_ % kFresh);
    Finding found{ProbeOutcome::kPass, "allowed packets arrived, denied ones did not"};
    const struct {
      ProbeFlow flow;
      bool allowed;
      const char* what;
    } tries[] = {
        {{protocol, fresh, kAllowedPort}, true, "an allowed packet of a fresh flow"},
        {{protocol, kRepeated, kAllowedPort}, true, "an allowed packet of a known flow"},
        {{protocol, fresh, kDeniedPort}, false, "a packet denied by a rule"},
        {{protocol, fresh, kIsolatedPort}, false, "a packet that no rule allows"},
        {{protocol, kRepeated, kDeniedPort}, false, "a denied packet of a known flow"},
    };
    for (const auto& one : tries) {
      if (!attempt(*plan, one.flow, one.allowed, one.what, found)) return found;
    }
    return found;
  }

 private:
  // False: `found` says what is wrong, and nothing more need be tried.
  bool attempt(const compiler::HealthPlan& plan, const ProbeFlow& flow, bool allowed, const char* what,
               Finding& found) {
    const uint64_t mark = next_mark();
    const auto frame = probe_frame(plan.a, plan.b, flow, mark);
    const absl::Duration quiet = std::max(kQuietest, kTimesAllowed * found.latency);
    const unsigned patience =
        allowed ? timeout_ms_
                : std::min(timeout_ms_, static_cast<unsigned>(absl::ToInt64Milliseconds(quiet)));
    const auto echo = sources_.echo(PortId(compiler::kProbePortA), frame, mark, patience);
    if (absl::IsUnimplemented(echo.status())) {
      found = {ProbeOutcome::kNothing, absl::StrCat("nothing to probe with: ", echo.status().message())};
      return false;
    }
    if (!echo.ok()) {
      found = {ProbeOutcome::kFail, absl::StrCat(what, ": ", echo.status().message())};
      return false;
    }
    if (!allowed && !echo->arrived) {
      const Drop why = echo->drop == Drop::kNone ? Drop::kPolicyIngress : echo->drop;
      ++sources_.drops->by_reason[static_cast<size_t>(why)];
    }
    const bool right = echo->arrived == allowed &&
                       (!allowed || echo->port == PortId(compiler::kProbePortB)) &&
                       (allowed || rightly(echo->drop));
    if (right) {
      if (allowed) found.latency = std::max(found.latency, absl::Nanoseconds(echo->nanoseconds));
      return true;
    }
    found.outcome = ProbeOutcome::kFail;
    found.reason = absl::StrCat(what, echo->arrived ? " arrived" : " did not arrive");
    if (echo->drop != Drop::kNone)
      absl::StrAppend(&found.reason, ": ", std::string(kDrops[static_cast<size_t>(echo->drop)].name));
    return false;
  }

  // Dropped for another reason it tells nothing about policy.
  static bool rightly(Drop drop) {
    return drop == Drop::kNone || drop == Drop::kPolicyIngress || drop == Drop::kPolicyEgress;
  }

  const ProbeSources sources_;
  const unsigned timeout_ms_;
  unsigned round_ = 0;
};

}  // namespace

Probe verdict_probe(const ProbeSources& sources, absl::Duration timeout) {
  return [probe = std::make_shared<Verdict>(sources, timeout)] { return (*probe)(); };
}

}  // namespace outrigger::agent
