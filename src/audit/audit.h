// "The host cannot touch what moved to the DPU" is a claim until somebody has tried.  These are the attempts
// of an intruder with root on the host, each small, bounded in count and time, and each with what it is held
// to.  The judge needs nothing of the DPU's side: it looks from the host, and from guests that it may use.
//
// An attempt that could not be made says why and counts as nothing: a test that finds its way blocked for a
// reason other than the boundary must not call the boundary held.  So each attempt is flanked by the same
// thing done honestly, which must get through.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/settings.h"

namespace outrigger::audit {

enum class Outcome : uint8_t { kHeld, kBroken, kNotTried };
std::string_view name(Outcome outcome);  // "held", "broken", "not tried"

struct Verdict {
  Outcome outcome = Outcome::kNotTried;
  std::string evidence;
};
Verdict held(std::string evidence);
Verdict broken(std::string evidence);
Verdict not_tried(std::string why);

class Scene;

struct Test {
  std::string_view name;      // "spoofed-mac"
  std::string_view tried;     // what an intruder does
  std::string_view expected;  // what the boundary is
  bool disturbs = false;      // it kills or floods: left out by `gentle`
  Verdict (*run)(Scene& scene) = nullptr;
};

std::span<const Test> tests();  // in the order in which they are run

struct Finding {
  std::string_view name, tried, expected;
  Verdict verdict;
  double seconds = 0;
};

// `only`: names; empty: all.  `progress` is told of each finding as it comes.
std::vector<Finding> run(const Settings& settings, const std::set<std::string>& only,
                         const std::function<void(const Finding&)>& progress);

}  // namespace outrigger::audit
