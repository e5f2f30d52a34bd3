// What is the boundary worth?  Whoever has root on a host removes its packet rules.  Where the DPU carries
// the traffic these are a dormant fallback's, and policy stays; where the host carries it, policy goes with
// them. Removed are the rules of nftables alone, for a moment, and they are put back.
#include "absl/strings/str_cat.h"
#include "audit/attempts.h"
#include "audit/rules.h"
#include "audit/scene.h"

namespace outrigger::audit {
namespace {

constexpr int kTries = 5;  // an agent that looks after its rules puts them back now and then

// A denial counts only if the rules were still away after it.
Verdict without(Scene& scene, TakenRules& rules) {
  for (int i = 0; i < kTries; ++i) {
    const absl::Status denied = scene.denied();
    if (absl::IsAborted(denied)) return broken(absl::StrCat("without ", rules.str(), " ", said(denied)));
    if (!denied.ok()) return not_tried(said(denied));
    if (rules.are_gone()) {
      const Verdict now = enforced(scene, absl::StrCat("without ", rules.str()));
      if (now.outcome != Outcome::kHeld || rules.are_gone()) return now;
    }
    if (absl::Status status = rules.take_again(); !status.ok()) return not_tried(said(status));
  }
  return not_tried(
      absl::StrCat("somebody puts ", rules.str(), " back sooner than a connection can be tried"));
}

}  // namespace

Verdict remove_rules(Scene& scene) {
  const std::string& prefix = scene.settings().netns_prefix;
  if (const Verdict before = enforced(scene, "beforehand"); before.outcome != Outcome::kHeld)
    return not_tried(before.evidence);
  auto tables = rules_of_the_host(prefix);
  if (!tables.ok()) return not_tried(said(tables.status()));
  if (tables->empty())
    return not_tried(absl::StrCat("no rules of a fallback are here or in namespaces called ", prefix,
                                  "*: nothing to remove (--netns-prefix)"));
  auto rules = TakenRules::take(*std::move(tables));
  if (!rules.ok()) return not_tried(said(rules.status()));
  const Verdict without_them = without(scene, *rules);
  if (absl::Status back = rules->put_back(); !back.ok())
    return broken(absl::StrCat(without_them.evidence, "; AND THE RULES ARE NOT BACK: ", said(back)));
  const Verdict again = enforced(scene, "with them back");
  if (again.outcome == Outcome::kBroken)
    return broken(absl::StrCat(without_them.evidence, "; AND IT STAYED OPEN: ", again.evidence));
  return {without_them.outcome, absl::StrCat(without_them.evidence, "; ", again.evidence)};
}

}  // namespace outrigger::audit
