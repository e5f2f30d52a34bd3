// What peers make of a node's host, and what the host is given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "dpu/fallback/bundle_maker.h"
#include "dpu/fallback/peer_watch.h"

namespace outrigger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PeerWatch, MovesOverAfterSomeFailuresAndBackAfterSomeSuccesses) {
  std::vector<PeerWatch::InForce> seen;
  PeerWatch watch({.failures = 3, .successes = 2},
                  [&](const PeerWatch::InForce& now) { seen.push_back(now); });
  watch.follow({"b", "c"});
  for (const bool answered : {false, false, true, false, false}) watch.probed("b", answered);
  EXPECT_THAT(seen, IsEmpty());
  watch.probed("b", false);
  ASSERT_THAT(seen, ElementsAre(PeerWatch::InForce{"b"}));
  watch.probed("b", true);
  watch.probed("b", false);
  watch.probed("b", true);
  EXPECT_EQ(seen.size(), 1u);
  watch.probed("b", true);
  EXPECT_THAT(seen.back(), IsEmpty());
  for (int i = 0; i < 9; ++i) watch.probed("stranger", false);
  EXPECT_EQ(seen.size(), 2u);
  for (int i = 0; i < 3; ++i) watch.probed("c", false);
  watch.follow({"b"});  // c has no fallback address any more
  EXPECT_THAT(seen.back(), IsEmpty());
}

TEST(PeerWatch, WhoHasComeBackIsLeavingForAMoment) {
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  int changes = 0;
  PeerWatch watch({.failures = 1, .successes = 1, .leaving = absl::Seconds(5), .clock = [&] { return now; }},
                  [&](const PeerWatch::InForce&) { ++changes; });
  watch.follow({"b"});
  watch.tick();
  EXPECT_EQ(changes, 0);
  watch.probed("b", false);
  EXPECT_THAT(watch.leaving(), IsEmpty());
  watch.probed("b", true);
  EXPECT_THAT(watch.leaving(), ElementsAre("b"));
  EXPECT_EQ(changes, 2);
  now += absl::Milliseconds(4999);
  watch.tick();
  EXPECT_EQ(changes, 2);
  now += absl::Milliseconds(1);
  watch.tick();
  EXPECT_EQ(changes, 3);
  EXPECT_THAT(watch.leaving(), IsEmpty());
  watch.probed("b", false);  // it falls again at once: in force, not leaving
  watch.probed("b", true);
  watch.probed("b", false);
  EXPECT_THAT(watch.leaving(), IsEmpty());
  EXPECT_THAT(watch.in_force(), ElementsAre("b"));
}

TEST(BundleMaker, SequencesAscendOverRestartsAndClocks) {
  char folder[] = "/tmp/bundle_maker_test.XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const Ed25519Key key = *Ed25519Key::make();
  const auto make = [&] {
    BundleMaker maker(
        {.node = "host-a", .sequence_file = std::string(folder) + "/sequence", .clock = [&] { return now; }},
        key, default_host_services);
    const auto made = maker.make({}, 7, *IpAddress::parse("192.0.2.101"));
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(key.verify(bundle_message(made->bundle()), made->signature()));
    v1::HostBundle bundle;
    EXPECT_TRUE(bundle.ParseFromString(made->bundle()));
    EXPECT_EQ(bundle.not_after() - bundle.not_before(), 86400);
    EXPECT_THAT(bundle.services(), ElementsAre("overlay", "policy", "vswitch"));
    return bundle.sequence();
  };
  const uint64_t first = make();
  now -= absl::Hours(1000);
  EXPECT_GT(make(), first);
  std::filesystem::remove_all(folder);
  BundleMaker none({.node = "host-a"}, key, default_host_services);
  EXPECT_THAT(std::string(none.make({}, 7, IpAddress{}).status().message()),
              HasSubstr("spec.fallback.underlay"));
}

}  // namespace
}  // namespace outrigger::agent
