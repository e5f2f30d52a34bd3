// Commands that change a node, against a server that forgets to answer.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "outrigger/v1/config.grpc.pb.h"
#include "outrigger/v1/engines.grpc.pb.h"
#include "outrigger/v1/fallback.grpc.pb.h"
#include "outrigger/v1/rollout.grpc.pb.h"

namespace outrigger::cli {
namespace {

using ::testing::HasSubstr;

// What every write says, whatever it is about.
struct Heard {
  std::string what, id, etag;
  bool validate_only;
};

class Node {
 public:
  template <typename Request>
  grpc::Status hear(const char* what, const Request& request) {
    heard.push_back({what, request.request_id(), request.etag(), request.validate_only()});
    if (answers_lost == 0) return grpc::Status::OK;
    --answers_lost;
    return {grpc::StatusCode::UNAVAILABLE, "Socket closed"};
  }
  std::vector<Heard> heard;
  int answers_lost = 0;
};

class Engines final : public v1::Engines::Service {
  using Stream = grpc::ServerWriter<v1::UpgradeProgress>;

 public:
  explicit Engines(Node& node) : node_(node) {}
  grpc::Status Upgrade(grpc::ServerContext*, const v1::UpgradeRequest* request, Stream* stream) override {
    return end(node_.hear("upgrade", *request), stream);
  }
  grpc::Status Rollback(grpc::ServerContext*, const v1::RollbackRequest* request, Stream* stream) override {
    return end(node_.hear("rollback", *request), stream);
  }

 private:
  static grpc::Status end(const grpc::Status& status, Stream* stream) {
    v1::UpgradeProgress last;
    last.set_last(true);
    last.set_ok(true);
    if (status.ok()) stream->Write(last);
    return status;
  }
  Node& node_;
};

class Fallback final : public v1::Fallback::Service {
 public:
  explicit Fallback(Node& node) : node_(node) {}
  grpc::Status OrderFallback(grpc::ServerContext*, const v1::OrderFallbackRequest* request,
                             v1::FallbackStatus*) override {
    return node_.hear(request->order().c_str(), *request);
  }
  grpc::Status Drill(grpc::ServerContext*, const v1::DrillRequest* request,
                     grpc::ServerWriter<v1::DrillStep>*) override {
    return node_.hear("drill", *request);
  }

 private:
  Node& node_;
};

class Rollouts final : public v1::Rollouts::Service {
 public:
  explicit Rollouts(Node& node) : node_(node) {}
  grpc::Status ChangeRollout(grpc::ServerContext*, const v1::ChangeRolloutRequest* request,
                             v1::Rollout*) override {
    return node_.hear(request->verb().c_str(), *request);
  }

 private:
  Node& node_;
};

class Config final : public v1::Config::Service {
 public:
  explicit Config(Node& node) : node_(node) {}
  grpc::Status Apply(grpc::ServerContext*, const v1::Batch* request, v1::Applied*) override {
    return node_.hear("apply", *request);
  }

 private:
  Node& node_;
};

class WritesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "outrigger-writes-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
    for (grpc::Service* one :
         std::initializer_list<grpc::Service*>{&engines_, &fallback_, &rollouts_, &config_})
      builder.RegisterService(one);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string socket() const { return folder_ + "/node.sock"; }
  int run(std::vector<std::string> words) {
    words.insert(words.begin(), "outrigger");
    words.insert(words.end(), {"--socket", socket()});
    std::vector<const char*> all;
    for (const std::string& word : words) all.push_back(word.c_str());
    err_.str("");
    return cli::run(static_cast<int>(all.size()), all.data(), out_, err_, connect);
  }

  std::string folder_;
  Node node_;
  Engines engines_{node_};
  Fallback fallback_{node_};
  Rollouts rollouts_{node_};
  Config config_{node_};
  std::unique_ptr<grpc::Server> server_;
  std::ostringstream out_, err_;
};

const std::vector<std::vector<std::string>> kWrites = {{"engine", "upgrade", "--to", "2"},
                                                       {"engine", "rollback"},
                                                       {"fallback", "order"},
                                                       {"fallback", "return"},
                                                       {"drill", "policy"},
                                                       {"rollout", "pause", "policy"},
                                                       {"rollout", "undo", "policy"}};

TEST_F(WritesTest, EachHasAnIdOfItsOwn) {
  std::set<std::string> ids;
  for (const auto& words : kWrites) {
    EXPECT_EQ(run(words), 0) << words[0] << err_.str();
    EXPECT_TRUE(ids.insert(node_.heard.back().id).second);
    EXPECT_FALSE(node_.heard.back().validate_only);
  }
  EXPECT_EQ(ids.size(), kWrites.size());
  EXPECT_FALSE(ids.contains(""));
}

TEST_F(WritesTest, ALostAnswerIsAskedForByTheSameId) {
  for (const auto& words : kWrites) {
    node_.heard.clear();
    node_.answers_lost = 1;
    EXPECT_EQ(run(words), 0) << words[0] << err_.str();
    ASSERT_EQ(node_.heard.size(), 2u) << words[0];
    EXPECT_EQ(node_.heard[0].id, node_.heard[1].id);
    EXPECT_THAT(err_.str(), HasSubstr("Socket closed"));
  }
  node_.heard.clear();
  node_.answers_lost = 9;
  EXPECT_EQ(run({"engine", "rollback"}), 1);
  EXPECT_EQ(node_.heard.size(), 3u);  // not for ever
}

TEST_F(WritesTest, ADryRunIsCheckedThereAndAnEtagGoesWithIt) {
  for (auto words : kWrites) {
    words.insert(words.end(), {"--dry-run", "--etag", "seen"});
    EXPECT_EQ(run(words), 0) << words[0] << err_.str();
    EXPECT_TRUE(node_.heard.back().validate_only) << words[0];
    EXPECT_EQ(node_.heard.back().etag, "seen") << words[0];
  }
}

TEST_F(WritesTest, AnApplyIsAskedAgainByTheSameId) {
  const auto api = connect(socket());
  v1::Batch batch;
  batch.set_request_id("r1");
  node_.answers_lost = 1;
  EXPECT_TRUE(api->apply(batch).ok());
  ASSERT_EQ(node_.heard.size(), 2u);
  EXPECT_EQ(node_.heard[1].id, "r1");
  batch.clear_request_id();
  node_.answers_lost = 1;
  EXPECT_TRUE(absl::IsUnavailable(api->apply(batch).status()));  // it may have been done
}

TEST_F(WritesTest, NobodyThereIsNotAskedAgain) {
  server_.reset();
  EXPECT_EQ(run({"engine", "rollback"}), 1);
  EXPECT_EQ(err_.str().find("asking again"), std::string::npos) << err_.str();
}

TEST(Only, OneNodeIsChangedAndNoneIsGuessed) {
  const Target a{"a", nullptr}, b{"b", nullptr};
  EXPECT_EQ(only(std::vector<Target>{a})->node, "a");
  const auto several = only(std::vector<Target>{a, b});
  EXPECT_TRUE(absl::IsInvalidArgument(several.status()));
  EXPECT_THAT(std::string(several.status().message()), HasSubstr("which node? --node a|b"));
}

}  // namespace
}  // namespace outrigger::cli
