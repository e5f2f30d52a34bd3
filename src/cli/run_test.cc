// The program as users meet it: what it prints, and its exit code, for each command line.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/commands.h"
#include "cli/fake_api.h"
#include "cli/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace outrigger::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kEndpoint = R"(kind: Endpoint
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {node: host-a, network: blue, addresses: [10.1.0.11], mac: "02:00:00:00:01:01", ports: [{name: http, protocol: TCP, port: 8080}]}
)";

struct Result {
  int code;
  std::string out;
  std::string err;
};

class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    unsetenv("OUTRIGGER_SOCKET");
    std::string pattern = std::filesystem::temp_directory_path() / "outrigger-cli-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "outrigger");
    std::ostringstream out;
    std::ostringstream err;
    const auto connect = [this](const std::string& socket) {
      script_.socket = socket;
      return std::make_unique<FakeApi>(script_);
    };
    const int code = cli::run(static_cast<int>(arguments.size()), arguments.data(), out, err, connect);
    return {code, out.str(), err.str()};
  }

  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  static v1::Change change(const char* kind, const char* ns, const char* name, v1::Outcome outcome) {
    v1::Change one;
    one.mutable_key()->set_kind(kind);
    one.mutable_key()->set_namespace_(ns);
    one.mutable_key()->set_name(name);
    one.set_outcome(outcome);
    return one;
  }

  Script script_;
  std::string folder_;
};

TEST_F(RunTest, WrongUsageIsTwoAndHelpIsZero) {
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"fly"}).code, 2);
  EXPECT_EQ(run({"apply"}).code, 2);
  EXPECT_EQ(run({"get", "-o", "xml"}).code, 2);
  EXPECT_EQ(run({"delete"}).code, 2);
  EXPECT_EQ(run({"explain", "a", "b", "--proto", "tcp"}).code, 2);
  EXPECT_EQ(run({"explain", "a", "b", "--proto", "icmp", "--port", "5"}).code, 2);
  EXPECT_EQ(run({"policy", "check", "-f", "."}).code, 2);
  EXPECT_EQ(run({"drops", "--node", "host-a"}).code, 2);  // without --lab
  EXPECT_EQ(run({"lab", "run", "gateway", "--steal-limit", "101"}).code, 2);
  const Result none = run({"lab", "run", "gateway", "--steal-limit", "nan"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("--steal-limit: Value nan is no number"));
  EXPECT_EQ(run({"--help"}).code, 0);
  EXPECT_THAT(run({"version"}).out, HasSubstr("outrigger 0."));
}

TEST_F(RunTest, EveryCommandsHelpHasAnExample) {
  for (const char* command : {"validate", "apply", "diff", "delete", "get", "explain", "sessions", "stats",
                              "drops", "capacity", "top", "policy", "lab", "version"}) {
    const Result help = run({command, "--help"});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Example: outrigger ")) << command;
  }
}

TEST_F(RunTest, ApplySaysWhatBecameOfEachObject) {
  *script_.applied->add_changes() = change("Endpoint", "shop", "web-1", v1::CREATED);
  *script_.applied->add_changes() = change("NetworkPolicy", "shop", "web", v1::CONFIGURED);
  *script_.applied->add_changes() = change("Node", "", "host-a", v1::UNCHANGED);
  const Result result = run({"apply", "-f", file("web.yaml", kEndpoint).c_str()});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "endpoint/web-1 created\nnetworkpolicy/web configured\nnode/host-a unchanged\n");
  ASSERT_EQ(script_.batches.size(), 1u);
  EXPECT_THAT(script_.batches[0].documents(0).file(), HasSubstr("web.yaml"));
  EXPECT_EQ(script_.batches[0].documents(0).line(), 1u);
}

TEST_F(RunTest, ADryRunAppliesNothing) {
  *script_.planned->add_changes() = change("Endpoint", "shop", "web-1", v1::CREATED);
  const Result result = run({"apply", "--dry-run", "-f", file("web.yaml", kEndpoint).c_str()});
  EXPECT_EQ(result.out, "endpoint/web-1 created (dry run)\n");
  EXPECT_TRUE(script_.batches.empty());
}

TEST_F(RunTest, EveryFaultIsNamedAndTheCodeIsOne) {
  script_.applied = absl::InvalidArgumentError("turned down");
  for (const char* name : {"a", "b"}) {
    v1::Fault& fault = *script_.planned->add_faults();
    fault.set_file("web.yaml");
    fault.set_line(3);
    fault.set_object(std::string("Endpoint shop/") + name);
    fault.set_field("spec.network");
    fault.set_problem("no Network \"red\"");
  }
  const Result result = run({"apply", "-f", file("web.yaml", kEndpoint).c_str()});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "web.yaml:3: Endpoint shop/a: spec.network: no Network \"red\"\n"
            "web.yaml:3: Endpoint shop/b: spec.network: no Network \"red\"\n"
            "error: 2 faults; nothing was changed\n");
}

TEST_F(RunTest, WhatCannotBeReadIsNotApplied) {
  const Result result =
      run({"apply", "-f", file("bad.yaml", std::string(kEndpoint) + "colour: red\n").c_str()});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("bad.yaml:4"));
  EXPECT_THAT(result.err, HasSubstr("colour"));
  EXPECT_TRUE(script_.batches.empty());
}

TEST_F(RunTest, ValidateNeedsNoDaemon) {
  const std::string good =
      file("good.yaml", "kind: Node\nmetadata: {name: a}\nspec: {kind: dpu, underlay: [192.0.2.1]}\n");
  const Result valid = run({"validate", "-f", good.c_str()});
  EXPECT_EQ(valid.code, 0) << valid.err;
  EXPECT_EQ(valid.out, "1 object valid\n");
  const Result dangling = run({"validate", "-f", file("web.yaml", kEndpoint).c_str()});
  EXPECT_EQ(dangling.code, 1);
  EXPECT_THAT(dangling.err, HasSubstr("web.yaml:"));
  EXPECT_THAT(dangling.err, HasSubstr("blue"));
  EXPECT_EQ(script_.socket, "");
}

TEST_F(RunTest, DiffIsThreeWhenItDiffers) {
  const std::string web = file("web.yaml", kEndpoint);
  *script_.planned->add_changes() = change("Endpoint", "shop", "web-1", v1::UNCHANGED);
  EXPECT_EQ(run({"diff", "-f", web.c_str()}).code, 0);
  v1::Change changed = change("Endpoint", "shop", "web-1", v1::CONFIGURED);
  changed.set_before("kind: Endpoint\nold: 1\n");
  changed.set_after("kind: Endpoint\nnew: 1\n");
  *script_.planned->add_changes() = changed;
  const Result result = run({"diff", "-f", web.c_str()});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out,
            "--- in force: endpoint/shop/web-1\n+++ in files: endpoint/shop/web-1\n"
            "@@ -1 +1 @@\n kind: Endpoint\n-old: 1\n+new: 1\n");
}

TEST_F(RunTest, GetShowsColumnsOfTheKind) {
  v1::Object& object = *script_.objects->add_objects();
  object.mutable_key()->set_kind("Endpoint");
  object.mutable_key()->set_namespace_("shop");
  object.mutable_key()->set_name("web-1");
  object.mutable_document()->set_text(kEndpoint);
  object.mutable_document()->set_file("web.yaml");
  object.mutable_document()->set_line(1);
  object.set_generation(4);
  const Result table = run({"get", "ep", "-n", "shop"});
  EXPECT_EQ(table.out,
            "NAMESPACE  NAME   NODE    NETWORK  ADDRESSES  MAC\n"
            "shop       web-1  host-a  blue     10.1.0.11  02:00:00:00:01:01\n");
  EXPECT_EQ(script_.get.kind(), "Endpoint");
  EXPECT_EQ(script_.get.namespace_(), "shop");
  EXPECT_THAT(run({"get", "ep", "-o", "wide"}).out, HasSubstr("http:8080/TCP"));
  EXPECT_EQ(run({"get", "ep", "-o", "yaml"}).out, kEndpoint);
  const Json all = Json::parse(run({"get", "endpoints", "-o", "json"}).out);
  ASSERT_TRUE(all.is_array());
  EXPECT_EQ(all[0]["metadata"]["name"], "web-1");
  EXPECT_EQ(all[0]["spec"]["ports"][0]["port"], 8080);
  EXPECT_EQ(all[0]["spec"]["mac"], "02:00:00:00:01:01");
  const Json one = Json::parse(run({"get", "endpoint", "shop/web-1", "-o", "json"}).out);
  EXPECT_EQ(one["kind"], "Endpoint");
}

TEST_F(RunTest, GetOfWhatIsNotThere) {
  EXPECT_EQ(run({"get", "endpoints"}).code, 0);
  const Result named = run({"get", "endpoint", "web-9"});
  EXPECT_EQ(named.code, 1);
  EXPECT_THAT(named.err, HasSubstr("endpoint \"web-9\" not found"));
  const Result kind = run({"get", "unicorns"});
  EXPECT_EQ(kind.code, 1);
  EXPECT_THAT(kind.err, HasSubstr("networkpolicies (netpol)"));
}

TEST_F(RunTest, DeleteFindsTheNamespaceWhenThereIsOne) {
  v1::Object& object = *script_.objects->add_objects();
  object.mutable_key()->set_kind("Endpoint");
  object.mutable_key()->set_namespace_("shop");
  object.mutable_key()->set_name("web-1");
  *script_.applied->add_changes() = change("Endpoint", "shop", "web-1", v1::DELETED);
  EXPECT_EQ(run({"delete", "endpoint", "web-1"}).out, "endpoint/web-1 deleted\n");
  ASSERT_EQ(script_.batches.size(), 1u);
  EXPECT_EQ(script_.batches[0].deletions(0).namespace_(), "shop");
  *script_.objects->add_objects() = object;
  script_.objects->mutable_objects(1)->mutable_key()->set_namespace_("lab");
  const Result two = run({"delete", "endpoint", "web-1"});
  EXPECT_EQ(two.code, 1);
  EXPECT_THAT(two.err, HasSubstr("shop, lab"));
}

TEST_F(RunTest, DropsAlignAndCountAsNumbers) {
  for (const auto& [reason, count] : {std::pair{"policy_ingress", 7}, std::pair{"vlan_tagged", 12345}}) {
    v1::DropCount& one = *script_.drops.add_drops();
    one.set_reason(reason);
    one.set_service("policy");
    one.set_count(static_cast<uint64_t>(count));
    one.set_meaning("why");
  }
  EXPECT_EQ(run({"drops"}).out,
            "REASON          SERVICE  COUNT  MEANING\n"
            "policy_ingress  policy       7  why\n"
            "vlan_tagged     policy   12345  why\n");
  const Json json = Json::parse(run({"drops", "-o", "json"}).out);
  EXPECT_EQ(json[1]["reason"], "vlan_tagged");
  EXPECT_EQ(json[1]["count"], 12345);
}

TEST_F(RunTest, SessionsPassTheirFilterOn) {
  v1::Session& one = *script_.sessions.add_sessions();
  one.set_network("blue");
  one.set_protocol("tcp");
  one.set_source("fd00:1::12");
  one.set_source_port(40000);
  one.set_destination("fd00:1::11");
  one.set_destination_port(8080);
  one.set_state("established");
  one.set_idle(1.25);
  const Result result = run({"sessions", "--endpoint", "shop/web-1", "--limit", "5"});
  EXPECT_THAT(result.out, HasSubstr("[fd00:1::12]:40000"));
  EXPECT_EQ(script_.list.endpoint(), "shop/web-1");
  EXPECT_EQ(script_.list.limit(), 5u);
  const Json json = Json::parse(run({"sessions", "-o", "json"}).out);
  EXPECT_EQ(json[0]["source_port"], 40000);
  EXPECT_EQ(json[0]["idle"], 1.25);
}

TEST_F(RunTest, ExplainSaysVerdictFirst) {
  script_.explanation->set_verdict("deny");
  script_.explanation->set_rule("NetworkPolicy shop/web ingress default");
  v1::ExplainStep& step = *script_.explanation->add_steps();
  step.set_node("host-b");
  step.set_service("policy");
  step.set_outcome("deny");
  step.set_from("desired_state");
  const Result text = run({"explain", "shop/a", "shop/b", "--proto", "tcp", "--port", "443"});
  EXPECT_EQ(text.code, 0);
  EXPECT_TRUE(text.out.starts_with("DENY")) << text.out;
  EXPECT_THAT(text.out, HasSubstr("host-b*"));
  EXPECT_EQ(script_.explain.port(), 443u);
  const Json json = Json::parse(run({"explain", "a", "b", "--port", "443", "-o", "json"}).out);
  EXPECT_EQ(json["verdict"], "deny");
  EXPECT_EQ(json["steps"][0]["service"], "policy");
  EXPECT_TRUE(json["epoch"].is_number());
}

TEST_F(RunTest, TheSocketComesFromOptionThenEnvironmentThenDefault) {
  (void)run({"capacity"});
  EXPECT_EQ(script_.socket, "/run/outrigger/outriggerd.sock");
  setenv("OUTRIGGER_SOCKET", "/tmp/env.sock", 1);
  (void)run({"capacity"});
  EXPECT_EQ(script_.socket, "/tmp/env.sock");
  (void)run({"capacity", "--socket", "/tmp/option.sock"});
  EXPECT_EQ(script_.socket, "/tmp/option.sock");
  unsetenv("OUTRIGGER_SOCKET");
}

TEST_F(RunTest, ADaemonThatIsNotThereIsOneErrorWithTheWayOut) {
  std::ostringstream out;
  std::ostringstream err;
  const std::array<const char*, 4> arguments = {"outrigger", "stats", "--socket", "/nonexistent/x.sock"};
  EXPECT_EQ(cli::run(4, arguments.data(), out, err, connect), 1);
  EXPECT_THAT(err.str(), HasSubstr("/nonexistent/x.sock: No such file"));
  EXPECT_THAT(err.str(), HasSubstr("is outriggerd running? start it with"));
}

TEST_F(RunTest, PolicyCheckJudgesFromFilesAlone) {
  const std::vector<const char*> allow = {"policy", "check",
                                          "-f",     "examples/two-hosts",
                                          "--flow", "shop/client-1,shop/web-1,tcp,8080",
                                          "--flow", "shop/client-1,shop/db-1,tcp,6379",
                                          "-o",     "json"};
  const Result result = run(allow);
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line)["verdict"], "allow");
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line)["verdict"], "deny");
  EXPECT_EQ(run({"policy", "check", "-f", "examples/two-hosts", "--flow", "nonsense"}).code, 2);
}

TEST_F(RunTest, TopOnceShowsRates) {
  v1::PortStats& port = *script_.stats.add_ports();
  port.set_endpoint("shop/web-1");
  const Result result = run({"top", "--once", "--interval", "0.1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("shop/web-1"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace outrigger::cli
