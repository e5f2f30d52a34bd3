#include "audit/audit.h"

#include "audit/scene.h"
#include "base/steady_time.h"

namespace outrigger::audit {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHeld:
      return "held";
    case Outcome::kBroken:
      return "broken";
    case Outcome::kNotTried:
      return "not tried";
  }
  return "";
}

Verdict held(std::string evidence) { return {Outcome::kHeld, std::move(evidence)}; }
Verdict broken(std::string evidence) { return {Outcome::kBroken, std::move(evidence)}; }
Verdict not_tried(std::string why) { return {Outcome::kNotTried, std::move(why)}; }

std::vector<Finding> run(const Settings& settings, const std::set<std::string>& only,
                         const std::function<void(const Finding&)>& progress) {
  Scene scene(settings);
  std::vector<Finding> findings;
  for (const Test& test : tests()) {
    if (!only.empty() && !only.contains(std::string(test.name))) continue;
    const absl::Time began = steady_time();
    Finding one{test.name, test.tried, test.expected, {}, 0};
    one.verdict =
        test.disturbs && settings.gentle ? not_tried("it disturbs, and --gentle was said") : test.run(scene);
    one.seconds = absl::ToDoubleSeconds(steady_time() - began);
    progress(one);
    findings.push_back(std::move(one));
  }
  return findings;
}

}  // namespace outrigger::audit
