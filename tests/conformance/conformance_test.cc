// Every case of the table, judged by the naive evaluator and by `policy check`: both must say what the table
// says. The third judge, real traffic in the lab, is tests/e2e's.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/naive.h"
#include "compiler/policy_check.h"
#include "manifest/check.h"
#include "manifest/read.h"

namespace outrigger::compiler {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = "tests/conformance";

struct Case {
  std::string at;  // "groups/01-default.jsonl:3"
  nlohmann::json json;
};

std::vector<fs::path> groups() {
  std::set<fs::path> found;
  for (const auto& entry : fs::directory_iterator(kRoot / "groups")) {
    if (entry.path().extension() == ".yaml") found.insert(entry.path());
  }
  return {found.begin(), found.end()};
}

std::vector<Case> cases(fs::path group) {
  group.replace_extension(".jsonl");
  std::ifstream file(group);
  EXPECT_TRUE(file.is_open()) << group;
  std::vector<Case> found;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    found.push_back({absl::StrCat(group.string(), ":", number), nlohmann::json::parse(line)});
  }
  return found;
}

struct World {
  std::vector<manifest::Document> documents;
  [[nodiscard]] std::vector<const manifest::Object*> objects() const {
    std::vector<const manifest::Object*> list;
    for (const manifest::Document& document : documents) list.push_back(&document.object);
    return list;
  }
};

World read(const fs::path& group) {
  World world;
  for (const fs::path& path : {kRoot / "base.yaml", group}) {
    manifest::Reading reading = manifest::read_path(path.string());
    for (const manifest::Fault& fault : reading.faults) ADD_FAILURE() << fault.str();
    for (manifest::Document& document : reading.documents) world.documents.push_back(std::move(document));
  }
  for (const manifest::Fault& fault : manifest::check(world.objects())) ADD_FAILURE() << fault.str();
  return world;
}

naive::Party party(const std::string& text) {
  if (const auto address = IpAddress::parse(text)) return {"", *address};
  return {text, {}};
}

// Whether the naive evaluator finds `rule` among those that decide.
bool may_be_named(const naive::Answer& answer, const std::string& rule) {
  for (const naive::Side* side : {&answer.egress, &answer.ingress}) {
    if (!answer.allowed() && side->allowed) continue;
    if (std::count(side->rules.begin(), side->rules.end(), rule) != 0) return true;
  }
  return rule.empty();
}

void judge(const World& world, const PolicyCheck& check, const Case& one) {
  SCOPED_TRACE(absl::StrCat(one.at, ": ", one.json.dump()));
  const std::string source = one.json.at("source"), destination = one.json.at("destination");
  const std::string protocol = one.json.at("protocol"), verdict = one.json.at("verdict");
  ASSERT_TRUE(verdict == "allow" || verdict == "deny");
  const auto flow =
      parse_flow(absl::StrCat(source, ",", destination, ",", protocol, ",", one.json.at("port").get<int>()));
  ASSERT_TRUE(flow.ok()) << flow.status();
  const auto naive =
      naive::judge(world.objects(), party(source), party(destination), flow->protocol, flow->port);
  ASSERT_TRUE(naive.ok()) << naive.status();
  const auto checked = check.check(*flow);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(naive->allowed(), verdict == "allow") << "by the naive evaluator";
  EXPECT_EQ(checked->allowed, verdict == "allow") << "by policy check: " << to_json(*checked);
  EXPECT_TRUE(may_be_named(*naive, checked->rule)) << to_json(*checked);
  if (one.json.contains("rule")) {
    EXPECT_EQ(checked->rule, one.json.at("rule"));
  }
}

class Conformance : public ::testing::TestWithParam<fs::path> {};

TEST_P(Conformance, AllJudgesAgree) {
  const World world = read(GetParam());
  const auto check = PolicyCheck::build(world.objects());
  ASSERT_TRUE(check.ok()) << check.status();
  const std::vector<Case> list = cases(GetParam());
  EXPECT_FALSE(list.empty());
  for (const Case& one : list) judge(world, *check, one);
}

std::string test_name(const ::testing::TestParamInfo<fs::path>& group) {
  std::string name = group.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Groups, Conformance, ::testing::ValuesIn(groups()), test_name);

TEST(ConformanceTable, HasAtLeast150CasesMostOfThemForRealTraffic) {
  size_t total = 0, traffic = 0;
  for (const fs::path& group : groups()) {
    for (const Case& one : cases(group)) {
      ++total;
      traffic += one.json.value("traffic", true) ? 1 : 0;
    }
  }
  EXPECT_GE(total, 150u);
  EXPECT_GE(traffic, 150u);
}

}  // namespace
}  // namespace outrigger::compiler
