// The health command against a real server of HealthReport, in this process.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.h"
#include "cli/fake_api.h"
#include "outrigger/v1/health.grpc.pb.h"

namespace outrigger::cli {
namespace {

using ::testing::HasSubstr;

class Reporter final : public v1::HealthReport::Service {
 public:
  grpc::Status ListHealth(grpc::ServerContext*, const v1::ListHealthRequest* request,
                          v1::HealthList* reply) override {
    if (request->service() == "nobody")
      return {grpc::StatusCode::NOT_FOUND, "no service \"nobody\" is probed"};
    *reply = list;
    if (!request->service().empty()) {
      reply->clear_services();
      for (const auto& one : list.services()) {
        if (one.service() == request->service()) *reply->add_services() = one;
      }
    }
    return grpc::Status::OK;
  }
  grpc::Status WatchHealth(grpc::ServerContext* context, const v1::ListHealthRequest* request,
                           grpc::ServerWriter<v1::HealthList>* writer) override {
    v1::HealthList now;
    (void)ListHealth(context, request, &now);
    writer->Write(now);
    return grpc::Status::OK;
  }
  void add(const char* service, const char* state, const char* reason) {
    auto& one = *list.add_services();
    one.set_service(service);
    one.set_state(state);
    one.set_reason(reason);
    one.set_placement("dpu");
    one.set_for_seconds(90);
  }
  v1::HealthList list;
};

class ChannelApi final : public FakeApi {
 public:
  ChannelApi(Script& script, std::shared_ptr<grpc::Channel> channel)
      : FakeApi(script), channel_(std::move(channel)) {}
  std::shared_ptr<grpc::Channel> channel() override { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

class HealthCommand : public ::testing::Test {
 protected:
  HealthCommand() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&reporter_);
    server_ = builder.BuildAndStart();
    reporter_.list.set_node("host-a");
    reporter_.list.set_overall("degraded");
    reporter_.add("policy", "ready", "fine");
    reporter_.add("overlay", "degraded", "no answer from host-b");
  }
  int run(std::vector<const char*> words) {
    words.insert(words.begin(), "outrigger");
    out_.str("");
    err_.str("");
    const Connect connect = [this](const std::string&) {
      return std::make_unique<ChannelApi>(script_, server_->InProcessChannel({}));
    };
    return cli::run(static_cast<int>(words.size()), words.data(), out_, err_, connect);
  }
  Reporter reporter_;
  std::unique_ptr<grpc::Server> server_;
  Script script_;
  std::ostringstream out_, err_;
};

TEST_F(HealthCommand, ExitsByWhatWasAskedAbout) {
  EXPECT_EQ(run({"health"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("node host-a: degraded"));
  EXPECT_THAT(out_.str(), HasSubstr("no answer from host-b"));
  EXPECT_THAT(out_.str(), HasSubstr("90s"));
  EXPECT_EQ(run({"health", "--service", "policy"}), 0);
  EXPECT_EQ(run({"health", "--service", "overlay"}), 1);
  EXPECT_EQ(run({"health", "--service", "nobody"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("no service \"nobody\""));
  reporter_.list.set_overall("ready");
  EXPECT_EQ(run({"health"}), 0);
}

TEST_F(HealthCommand, JsonAndWatch) {
  EXPECT_EQ(run({"health", "-o", "json"}), 1);
  const auto json = nlohmann::json::parse(out_.str());
  EXPECT_EQ(json["services"][0]["service"], "policy");
  EXPECT_EQ(run({"health", "--watch", "--service", "policy"}), 0);  // until the daemon ends it
  EXPECT_THAT(out_.str(), HasSubstr("policy"));
}

}  // namespace
}  // namespace outrigger::cli
