#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "dpu/api.h"
#include "dpu/state_lock.h"
#include "dpu/test_state.h"
#include "gmock/gmock.h"
#include "outrigger/v1/config.grpc.pb.h"
#include "outrigger/v1/inspect.grpc.pb.h"
#include "services/services.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

// The whole API on a real socket, in front of an engine that moves nothing.
class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto thread = EngineThread::start([this]() -> absl::StatusOr<std::unique_ptr<engine::Engine>> {
      auto fake = std::make_unique<FakeEngine>();
      fake->figures_now.drops.resize(kDropCount);
      fake->figures_now.drops[static_cast<size_t>(Drop::kVlanTagged)] = 3;
      fake->sessions_now.resize(2500);
      engine_ = fake.get();
      return fake;
    });
    ASSERT_TRUE(thread.ok());
    thread_ = *std::move(thread);
    agent_ = std::make_unique<Agent>(Agent{*thread_, *test_.state, explainer_});
    channel_ = grpc::CreateChannel(absl::StrCat("unix:", socket_), grpc::InsecureChannelCredentials());
  }
  void TearDown() override { server_.reset(); }

  absl::Status listen() {
    auto server = Server::listen(*agent_, socket_);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }

  template <typename Reply, typename Stub, typename Method, typename Request>
  grpc::Status call(Stub& stub, Method method, const Request& request, Reply* reply) {
    grpc::ClientContext context;
    return (stub.*method)(&context, request, reply);
  }

  TestState test_;
  std::string socket_ = test_.folder.file("api.sock");
  FakeEngine* engine_ = nullptr;
  Explainer explainer_{"host-a",
                       [](std::span<const uint8_t>, PortId, TunnelId) -> absl::StatusOr<engine::Explanation> {
                         return absl::UnavailableError("no engine here");
                       },
                       services::make_builder};
  std::unique_ptr<EngineThread> thread_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(ServerTest, OnlyTheOwnerMayConnect) {
  ASSERT_TRUE(listen().ok());
  struct stat file {};
  ASSERT_EQ(stat(socket_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(ServerTest, AppliesPlansAndTellsFaultsApart) {
  ASSERT_TRUE(listen().ok());
  const auto stub = v1::Config::NewStub(channel_);
  v1::Batch batch;
  for (const char* text :
       {"kind: Node\nmetadata: {name: host-a}\nspec: {kind: dpu, underlay: [192.0.2.1]}\n",
        "kind: Network\nmetadata: {name: blue}\nspec: {vni: 7, subnets: [{cidr: 10.1.0.0/24, "
        "gateway: 10.1.0.1}]}\n"}) {
    batch.add_documents()->set_text(text);
  }
  v1::Applied applied;
  const grpc::Status good = call(*stub, &v1::Config::Stub::Apply, batch, &applied);
  ASSERT_TRUE(good.ok()) << good.error_message();
  EXPECT_EQ(applied.generation(), 1u);
  EXPECT_EQ(applied.changes(0).outcome(), v1::CREATED);

  v1::Document& lost = *batch.add_documents();
  lost.set_text(endpoint("web-1", "host-z", "10.1.0.11", "02:00:00:00:01:01", "web").substr(4));
  lost.set_file("web.yaml");
  lost.set_line(40);
  const grpc::Status bad = call(*stub, &v1::Config::Stub::Apply, batch, &applied);
  EXPECT_EQ(bad.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(bad.error_message(), HasSubstr("web.yaml:40"));
  v1::Planned planned;
  ASSERT_TRUE(call(*stub, &v1::Config::Stub::Plan, batch, &planned).ok());
  ASSERT_EQ(planned.faults_size(), 1);
  EXPECT_EQ(planned.faults(0).object(), "Endpoint shop/web-1");
  EXPECT_EQ(planned.faults(0).line(), 40u);
  v1::Objects objects;
  v1::GetRequest all;
  ASSERT_TRUE(call(*stub, &v1::Config::Stub::Get, all, &objects).ok());
  EXPECT_EQ(objects.objects_size(), 2);
}

TEST_F(ServerTest, AWriteCanBeRepeatedCheckedAndMadeConditional) {
  ASSERT_TRUE(listen().ok());
  const auto stub = v1::Config::NewStub(channel_);
  v1::Batch batch;
  batch.add_documents()->set_text(
      "kind: Node\nmetadata: {name: host-a}\nspec: {kind: dpu, underlay: [192.0.2.1]}\n");
  v1::Applied applied;
  batch.set_validate_only(true);
  ASSERT_TRUE(call(*stub, &v1::Config::Stub::Apply, batch, &applied).ok());
  EXPECT_EQ(applied.changes(0).outcome(), v1::CREATED);
  EXPECT_EQ(test_.state->now()->generation.value(), 0u);  // nothing happened

  batch.set_validate_only(false);
  batch.set_request_id("r1");
  batch.set_etag("0");
  ASSERT_TRUE(call(*stub, &v1::Config::Stub::Apply, batch, &applied).ok());
  EXPECT_EQ(applied.generation(), 1u);
  v1::Applied again;
  ASSERT_TRUE(call(*stub, &v1::Config::Stub::Apply, batch, &again).ok());  // although its etag is old by now
  EXPECT_EQ(again.SerializeAsString(), applied.SerializeAsString());

  batch.set_request_id("r2");
  const grpc::Status stale = call(*stub, &v1::Config::Stub::Apply, batch, &again);
  EXPECT_EQ(stale.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(stale.error_message(), HasSubstr("etag is 1, not 0"));
  batch.set_request_id("r1");
  batch.add_deletions()->set_kind("Node");
  EXPECT_EQ(call(*stub, &v1::Config::Stub::Apply, batch, &again).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// What was asked before the agent died is told again by the next one, from the store alone.
TEST_F(ServerTest, ARepeatedWriteIsKnownAfterARestart) {
  v1::Batch batch;
  batch.add_documents()->set_text(
      "kind: Node\nmetadata: {name: host-a}\nspec: {kind: dpu, underlay: [192.0.2.1]}\n");
  batch.set_request_id("r1");
  batch.set_etag("0");
  v1::Applied answers[2];
  for (v1::Applied& answer : answers) {
    test_.restart();
    agent_ = std::make_unique<Agent>(Agent{*thread_, *test_.state, explainer_});
    agent_->notes.all = [this](const std::string& topic) {
      return Store::open(test_.folder.file("state.db"))->notes(topic);
    };
    ASSERT_TRUE(listen().ok());
    const auto stub = v1::Config::NewStub(channel_);
    const grpc::Status status = call(*stub, &v1::Config::Stub::Apply, batch, &answer);
    ASSERT_TRUE(status.ok()) << status.error_message();
    if (&answer == &answers[1]) {
      batch.mutable_documents(0)->set_file("other.yaml");
      v1::Applied other;
      EXPECT_EQ(call(*stub, &v1::Config::Stub::Apply, batch, &other).error_code(),
                grpc::StatusCode::INVALID_ARGUMENT);
    }
    server_.reset();
  }
  EXPECT_EQ(answers[1].generation(), 1u);
  EXPECT_EQ(answers[1].changes(0).outcome(), v1::CREATED);
  EXPECT_EQ(test_.state->now()->generation.value(), 1u);
}

TEST_F(ServerTest, LooksIn) {
  ASSERT_TRUE(listen().ok());
  const auto stub = v1::Inspect::NewStub(channel_);
  v1::Drops drops;
  v1::DropsRequest which;
  ASSERT_TRUE(call(*stub, &v1::Inspect::Stub::ListDrops, which, &drops).ok());
  ASSERT_EQ(drops.drops_size(), 1);
  EXPECT_EQ(drops.drops(0).reason(), "vlan_tagged");
  v1::Sessions sessions;
  v1::SessionsRequest some;
  ASSERT_TRUE(call(*stub, &v1::Inspect::Stub::ListSessions, some, &sessions).ok());
  EXPECT_EQ(sessions.sessions_size(), 1000);  // the default limit
  v1::Explanation why;
  v1::ExplainRequest nobody;
  nobody.set_source("shop/nobody");
  nobody.set_destination("10.0.0.1");
  nobody.set_protocol("icmp");
  EXPECT_EQ(call(*stub, &v1::Inspect::Stub::Explain, nobody, &why).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, ADeadDaemonsSocketIsReplacedALivingOnesIsNot) {
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(dead);  // the file stays
  ASSERT_TRUE(listen().ok());
  EXPECT_THAT(std::string(Server::listen(*agent_, socket_).status().message()),
              HasSubstr("another daemon answers on"));
  server_.reset();
  EXPECT_NE(access(socket_.c_str(), F_OK), 0);
  std::ofstream(socket_) << "precious";
  EXPECT_THAT(std::string(listen().message()), HasSubstr("is no socket"));
  EXPECT_THAT(std::string(Server::listen(*agent_, "/tmp/" + std::string(200, 'x')).status().message()),
              HasSubstr("--socket"));
}

TEST(StateLockTest, TwoDaemonsDoNotShareAFolder) {
  TestFolder folder;
  const std::string path = folder.file("state");
  {
    const auto first = StateLock::take(path);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = StateLock::take(path);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(second.status().message()), HasSubstr(absl::StrCat("pid ", getpid())));
  }
  EXPECT_TRUE(StateLock::take(path).ok());
}

}  // namespace
}  // namespace outrigger::agent
