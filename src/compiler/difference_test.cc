#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compiler.h"
#include "compiler/test_objects.h"
#include "services/policy/table.h"

namespace outrigger::compiler {
namespace {

namespace v1 = ::outrigger::engine::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::World;

v1::Class class_of(uint32_t id, bool ingress) {
  v1::Class made;
  made.set_id(id);
  made.set_ingress_isolated(ingress);
  return made;
}

v1::Policy compiled(const World& world, Ids& ids) { return compile(world.objects(), "", {}, ids)->policy; }

World small() {
  World world;
  world.node("n");
  world.network("blue", 1);
  world.endpoint("a/web", "n", {{"app", "web"}}, {"10.0.0.1"});
  world.endpoint("a/db", "n", {{"app", "db"}}, {"10.0.0.2"});
  world.policy("a/web", testing::is("app", "web"), {{.peers = {testing::pods(testing::is("app", "db"))}}});
  return world;
}

TEST(Difference, OfTheSameIsEmpty) {
  Ids ids;
  const World world = small();
  const v1::Policy one = compiled(world, ids);
  EXPECT_EQ(difference(one, compiled(world, ids)).ByteSizeLong(), 0u);
}

TEST(Difference, OfANewMemberIsOneSelector) {
  Ids ids;
  World world = small();
  const v1::Policy before = compiled(world, ids);
  world.endpoint("a/db-2", "n", {{"app", "db"}}, {"10.0.0.3"});
  const v1::Policy change = difference(before, compiled(world, ids));
  ASSERT_THAT(change.set_selectors(), SizeIs(1));
  EXPECT_THAT(change.set_selectors(0).endpoints(), SizeIs(2));
  v1::Policy rest = change;
  rest.clear_set_selectors();
  EXPECT_EQ(rest.ByteSizeLong(), 0u);
}

TEST(Difference, OfAChangedPortIsOneRuleOutAndOneIn) {
  Ids ids;
  World world = small();
  manifest::NetworkPolicy& policy =
      world.policy("a/db", testing::is("app", "db"), {{.ports = {testing::tcp(80)}}});
  const v1::Policy before = compiled(world, ids);
  policy.ingress[0].ports = {testing::tcp(81)};
  const v1::Policy change = difference(before, compiled(world, ids));
  ASSERT_THAT(change.remove_rules(), SizeIs(1));
  ASSERT_THAT(change.add_rules(), SizeIs(1));
  EXPECT_EQ(change.remove_rules(0).first_port(), 80u);
  EXPECT_EQ(change.add_rules(0).first_port(), 81u);
  EXPECT_EQ(change.add_rules(0).id(), change.remove_rules(0).id());
  EXPECT_THAT(change.set_classes(), IsEmpty());
  EXPECT_THAT(change.set_selectors(), IsEmpty());
}

TEST(Difference, SetsWhatChangedAndRemovesWhatIsGone) {
  v1::Policy from, to;
  *from.add_set_classes() = class_of(1, true);
  *from.add_set_classes() = class_of(2, true);
  *from.add_set_classes() = class_of(3, true);
  *to.add_set_classes() = class_of(3, false);
  *to.add_set_classes() = class_of(2, true);
  *to.add_set_classes() = class_of(4, true);
  const v1::Policy change = difference(from, to);
  EXPECT_FALSE(change.replace());
  EXPECT_THAT(change.remove_classes(), ElementsAre(1));
  ASSERT_THAT(change.set_classes(), SizeIs(2));
  EXPECT_EQ(change.set_classes(0).id(), 3u);
  EXPECT_EQ(change.set_classes(1).id(), 4u);
}

// From everything to nothing and back: every reference must stay good at each step of apply().
TEST(Difference, IsTakenByTheTableBothWays) {
  Ids ids;
  World full = small();
  World bare;
  bare.node("n");
  bare.network("blue", 1);
  bare.endpoint("a/web", "n", {{"app", "web"}}, {"10.0.0.1"});
  const v1::Policy one = compiled(full, ids), two = compiled(bare, ids);
  policy::PolicyTable table;
  ASSERT_TRUE(table.apply(one, Epoch{1}).ok());
  const policy::Peer stranger{kNoEndpoint, *IpAddress::parse("10.9.9.9")};
  EXPECT_FALSE(table.judge(policy::Direction::kIngress, EndpointId{1}, stranger, 6, 80).allowed);
  EXPECT_TRUE(table.apply(difference(one, two), Epoch{2}).ok());
  EXPECT_TRUE(table.judge(policy::Direction::kIngress, EndpointId{1}, stranger, 6, 80).allowed);
  EXPECT_TRUE(table.apply(difference(two, one), Epoch{3}).ok());
  EXPECT_FALSE(table.judge(policy::Direction::kIngress, EndpointId{1}, stranger, 6, 80).allowed);
}

}  // namespace
}  // namespace outrigger::compiler
