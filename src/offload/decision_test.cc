#include "offload/decision.h"

#include <gtest/gtest.h>

#include <set>

namespace outrigger::offload {
namespace {

// The article's function as a table: all that its four inputs can say.
TEST(ShouldOffload, IsTheArticlesFunction) {
  const std::set<std::string> named = {"policy", "overlay", "telemetry", "virtual_switch"};
  for (const char* task :
       {"policy", "overlay", "telemetry", "virtual_switch", "chain", "tap", "storage_agent", "network_agent",
        "application", "other", "", "Policy", "policy "}) {
    for (const bool privileged : {false, true}) {
      for (const bool sensitive : {false, true}) {
        for (const char* locality : {"edge", "rack", "remote", "none", "", "Edge"}) {
          const bool wanted =
              privileged || named.contains(task) || (sensitive && std::string(locality) == "edge");
          EXPECT_EQ(should_offload({task, privileged, sensitive, locality}), wanted)
              << task << ' ' << privileged << ' ' << sensitive << ' ' << locality;
        }
      }
    }
  }
}

TEST(ShouldOffload, KeepsAnOrdinaryApplication) {
  EXPECT_FALSE(should_offload({"application", false, false, "none"}));
  EXPECT_FALSE(should_offload({"application", false, true, "rack"}));
  EXPECT_TRUE(should_offload({"application", true, false, "none"}));
}

}  // namespace
}  // namespace outrigger::offload
