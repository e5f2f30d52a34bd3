#include "scenario/world.h"

#include <gtest/gtest.h>

#include <set>

#include "manifest/read.h"

namespace outrigger::scenario {
namespace {

manifest::Reading read(const World& world) {
  return manifest::read(world.topology + world.policies, "scenario");
}

// Pairs of a peer and a port, other than those that admit the scenario's own requests.
unsigned rules_in(const manifest::Reading& reading) {
  unsigned rules = 0;
  for (const manifest::Document& document : reading.documents) {
    const auto* policy = std::get_if<manifest::NetworkPolicy>(&document.object);
    if (policy == nullptr) continue;
    for (const auto& rule : policy->ingress) {
      for (const auto& peer : rule.peers) rules += peer.cidr ? static_cast<unsigned>(rule.ports.size()) : 0;
    }
  }
  return rules;
}

class EveryScenario : public ::testing::TestWithParam<Description> {};
INSTANTIATE_TEST_SUITE_P(All, EveryScenario, ::testing::ValuesIn(all()));

TEST_P(EveryScenario, ItsManifestsAreSoundAndHoldAsManyRulesAsAskedFor) {
  for (const unsigned rules : {1u, 19u, 20u, 201u, 5000u}) {
    const World world = make_world(GetParam(), rules);
    const manifest::Reading reading = read(world);
    ASSERT_TRUE(reading.faults.empty()) << reading.faults.front().str();
    EXPECT_EQ(rules_in(reading), rules);
  }
}

TEST_P(EveryScenario, TheApplicationIsOnTheServedNodeAndItsClientIsNot) {
  const World world = make_world(GetParam(), 10);
  EXPECT_TRUE(world.guests.at(0).served);
  EXPECT_FALSE(world.guests.at(1).served);
  EXPECT_EQ(world.guests[0].vni, world.guests[1].vni);
}

TEST(Scenarios, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Description& one : all()) names.insert(one.name);
  EXPECT_EQ(names.size(), 4u);
  EXPECT_FALSE(find("tail"));
  EXPECT_EQ(find("gateway")->port, 8080);
}

}  // namespace
}  // namespace outrigger::scenario
