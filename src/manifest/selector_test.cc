#include <gtest/gtest.h>

#include "manifest/objects.h"

namespace outrigger::manifest {
namespace {

using Op = Requirement::Operator;

TEST(LabelSelector, MatchesAsKubernetesDoes) {
  const Labels web = {{"app", "web"}, {"tier", "front"}};
  const struct {
    LabelSelector selector;
    bool matches_web;
    bool matches_bare;
  } rows[] = {
      {{}, true, true},
      {{{{"app", Op::kIn, {"web"}}}}, true, false},
      {{{{"app", Op::kIn, {"db", "web"}}}}, true, false},
      {{{{"app", Op::kIn, {"db"}}}}, false, false},
      {{{{"app", Op::kNotIn, {"web"}}}}, false, true},
      {{{{"app", Op::kNotIn, {"db"}}}}, true, true},
      {{{{"app", Op::kExists, {}}}}, true, false},
      {{{{"app", Op::kDoesNotExist, {}}}}, false, true},
      {{{{"app", Op::kIn, {"web"}}, {"tier", Op::kIn, {"back"}}}}, false, false},
      {{{{"app", Op::kIn, {"web"}}, {"zone", Op::kDoesNotExist, {}}}}, true, false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(row.selector.matches(web), row.matches_web) << row.selector.str();
    EXPECT_EQ(row.selector.matches({}), row.matches_bare) << row.selector.str();
  }
}

TEST(LabelSelector, TextIsCanonical) {
  const LabelSelector one{
      {{"tier", Op::kNotIn, {"db"}}, {"app", Op::kIn, {"web", "api"}}, {"x", Op::kExists, {}}}};
  const LabelSelector two{{{"x", Op::kExists, {}},
                           {"app", Op::kIn, {"api", "web", "api"}},
                           {"tier", Op::kNotIn, {"db"}},
                           {"x", Op::kExists, {}}}};
  EXPECT_EQ(one.str(), "app in (api,web),tier notin (db),x");
  EXPECT_EQ(one.str(), two.str());
  EXPECT_EQ((LabelSelector{{{"y", Op::kDoesNotExist, {}}}}).str(), "!y");
  EXPECT_EQ(LabelSelector{}.str(), "");
}

}  // namespace
}  // namespace outrigger::manifest
