// Writes on the whole API, over a socket: done once, tied to an etag, checked without being done; also when
// the agent is another by then.
#include <grpcpp/grpcpp.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "dpu/api.h"
#include "dpu/fallback/service.h"
#include "dpu/split_mode.h"
#include "dpu/supervise/supervisor.h"
#include "dpu/test_state.h"
#include "dpu/writes.h"
#include "gmock/gmock.h"
#include "outrigger/v1/engines.grpc.pb.h"
#include "outrigger/v1/fallback.grpc.pb.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;

// Two engines that change places.
class Boss final : public Supervisor {
 public:
  [[nodiscard]] bool split() const override { return true; }
  [[nodiscard]] std::vector<EngineView> engines() override {
    EngineView first, second;
    first.version = active;
    first.state = "active";
    first.pid = 11;
    second.version = active == "1" ? "2" : "1";
    second.state = "standby";
    second.pid = 12;
    return {first, second};
  }
  [[nodiscard]] EngineView ports() override { return {}; }
  [[nodiscard]] std::vector<BeatView> beats() override { return {}; }
  [[nodiscard]] std::string active_version() override { return active; }
  absl::Status preflight(const UpgradeOrder&) override { return refuse; }
  absl::Status upgrade(const UpgradeOrder& order, const UpgradeProgressFn& progress) override {
    progress({"preflight", "", 0, {}});
    if (!refuse.ok()) return refuse;
    ++changes;
    progress({"start", "", 0, {}});
    if (!fail.ok()) return fail;
    active = order.to;
    return absl::OkStatus();
  }
  absl::Status rollback(const std::string&, const UpgradeProgressFn& progress) override {
    if (!refuse.ok()) return refuse;
    ++changes;
    progress({"swap", "", 0, {}});
    active = active == "1" ? "2" : "1";
    return absl::OkStatus();
  }
  absl::Status may_roll_back() override { return refuse; }

  std::string active = "1";
  int changes = 0;
  absl::Status refuse, fail;
};

class Recorder final : public Events {
 public:
  void record(Event) override {}
};

class WritesApiTest : public ::testing::Test {
 protected:
  void SetUp() override { restart(); }
  void TearDown() override { server_.reset(); }

  // Another agent on the same notes.
  void restart() {
    server_.reset();
    desk_ = std::make_unique<Desk>(Desk::Settings{.node = "host-a"}, hooks(), events_);
    FallbackView view{*desk_, "host-a", [] { return std::vector<std::string>{"policy"}; }};
    view.notes = notes();
    services_.clear();
    services_.push_back(make_engines_service(boss_, *test_.state, {}, notes()));
    services_.push_back(make_fallback_service(std::move(view)));
    grpc::ServerBuilder builder;
    for (const auto& service : services_) builder.RegisterService(service.get());
    server_ = builder.BuildAndStart();
    const auto channel = server_->InProcessChannel({});
    engines_ = v1::Engines::NewStub(channel);
    fallback_ = v1::Fallback::NewStub(channel);
    host("dormant");
  }
  Desk::Hooks hooks() {
    return {[] { return true; }, [] { return 7u; },
            [] { return absl::StatusOr<v1::SignedBundle>(v1::SignedBundle()); }, [](Yield) {}};
  }
  NoteMemory notes() {
    return {[this](const auto& topic, const auto& name, const auto& text) {
              kept_[topic][name] = text;
              return absl::OkStatus();
            },
            [this](const auto& topic) -> absl::StatusOr<std::map<std::string, std::string>> {
              return kept_[topic];
            }};
  }
  void host(const std::string& state) {
    v1::RenewRequest request;
    request.set_node("host-a");
    request.set_sequence(++sequence_);
    request.set_fallback_state(state);
    request.set_bundle_generation(7);
    ASSERT_TRUE(desk_->renew(request).ok());
  }

  // The last message, and how the call ended.
  template <typename Method, typename Request>
  grpc::Status change(Method method, const Request& request) {
    grpc::ClientContext context;
    const auto reader = ((*engines_).*method)(&context, request);
    last_.Clear();
    while (reader->Read(&last_)) {
    }
    return reader->Finish();
  }
  grpc::Status order(const v1::OrderFallbackRequest& request) {
    grpc::ClientContext context;
    return fallback_->OrderFallback(&context, request, &status_);
  }
  std::string etag() {
    grpc::ClientContext context;
    v1::EngineList list;
    EXPECT_TRUE(engines_->ListEngines(&context, {}, &list).ok());
    return list.etag();
  }

  TestState test_;
  Boss boss_;
  Recorder events_;
  uint64_t sequence_ = 0;
  std::map<std::string, std::map<std::string, std::string>> kept_;
  std::unique_ptr<Desk> desk_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Engines::Stub> engines_;
  std::unique_ptr<v1::Fallback::Stub> fallback_;
  v1::UpgradeProgress last_;
  v1::FallbackStatus status_;
};

TEST_F(WritesApiTest, AnUpgradeIsDoneOnce) {
  v1::UpgradeRequest request;
  request.set_to("2");
  request.set_request_id("r1");
  for (const bool again : {false, true, true}) {
    if (again) restart();
    ASSERT_TRUE(change(&v1::Engines::Stub::Upgrade, request).ok());
    EXPECT_TRUE(last_.ok());
    EXPECT_EQ(last_.message(), "version 2 is active");
  }
  EXPECT_EQ(boss_.changes, 1);
  request.set_to("3");
  EXPECT_EQ(change(&v1::Engines::Stub::Upgrade, request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WritesApiTest, HowAnUpgradeFailedIsToldAgainARefusalIsNot) {
  v1::UpgradeRequest request;
  request.set_to("2");
  request.set_request_id("r1");
  boss_.refuse = absl::FailedPreconditionError("in the way");
  EXPECT_EQ(change(&v1::Engines::Stub::Upgrade, request).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  boss_.refuse = absl::OkStatus();
  boss_.fail = absl::InternalError("it decides differently");
  for (const bool again : {false, true}) {
    if (again) restart();
    ASSERT_TRUE(change(&v1::Engines::Stub::Upgrade, request).ok());
    EXPECT_FALSE(last_.ok());
    EXPECT_EQ(last_.message(), "it decides differently");
  }
  EXPECT_EQ(boss_.changes, 1);
}

// The agent died in the middle: whether it has happened is seen by what is active.
TEST_F(WritesApiTest, WhatAnAgentDiedAtIsLookedForBeforeItIsDone) {
  v1::UpgradeRequest request;
  request.set_to("2");
  for (const bool happened : {true, false}) {
    request.set_request_id(happened ? "r1" : "r2");
    Writes(notes(), "engine-answer").begin(asked_of(request, "unknown"), "1");
    boss_.active = happened ? "2" : "1";
    restart();
    ASSERT_TRUE(change(&v1::Engines::Stub::Upgrade, request).ok());
    EXPECT_TRUE(last_.ok());
    EXPECT_EQ(boss_.changes, happened ? 0 : 1);
  }
}

TEST_F(WritesApiTest, AChangeOfEnginesCanBeCheckedAndTied) {
  v1::RollbackRequest back;
  back.set_etag(etag());
  back.set_validate_only(true);
  ASSERT_TRUE(change(&v1::Engines::Stub::Rollback, back).ok());
  EXPECT_TRUE(last_.ok());
  EXPECT_EQ(boss_.changes, 0);
  boss_.refuse = absl::FailedPreconditionError("nothing to go back to");
  EXPECT_EQ(change(&v1::Engines::Stub::Rollback, back).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  boss_.refuse = absl::OkStatus();
  back.set_validate_only(false);
  back.set_request_id("r1");
  ASSERT_TRUE(change(&v1::Engines::Stub::Rollback, back).ok());
  EXPECT_EQ(boss_.active, "2");
  restart();
  ASSERT_TRUE(change(&v1::Engines::Stub::Rollback, back).ok());  // although its etag is old by now
  EXPECT_EQ(boss_.active, "2");

  v1::UpgradeRequest up;
  up.set_to("3");
  up.set_etag(back.etag());
  for (const bool check_only : {true, false}) {
    up.set_validate_only(check_only);
    const grpc::Status stale = change(&v1::Engines::Stub::Upgrade, up);
    EXPECT_EQ(stale.error_code(), grpc::StatusCode::ABORTED);
    EXPECT_THAT(stale.error_message(), HasSubstr(absl::StrCat(etag(), ", not ", back.etag())));
  }
  EXPECT_EQ(boss_.changes, 1);
}

TEST_F(WritesApiTest, AnOrderIsGivenOnce) {
  v1::OrderFallbackRequest request;
  request.set_order("fall_back");
  request.set_validate_only(true);
  ASSERT_TRUE(order(request).ok());
  EXPECT_EQ(status_.order(), "");
  request.set_validate_only(false);
  request.set_request_id("r1");
  request.set_etag(status_.etag());
  ASSERT_TRUE(order(request).ok());
  const std::string answer = status_.SerializeAsString();
  EXPECT_EQ(status_.order(), "fall_back");
  host("active");
  ASSERT_TRUE(order(request).ok());  // else: in force already, and of another etag
  EXPECT_EQ(status_.SerializeAsString(), answer);
  restart();
  ASSERT_TRUE(order(request).ok());
  EXPECT_EQ(status_.SerializeAsString(), answer);
  EXPECT_EQ(desk_->state().order, "");
  host("active");  // another state than the etag saw
  request.set_request_id("r2");
  EXPECT_EQ(order(request).error_code(), grpc::StatusCode::ABORTED);
  request.set_etag("");
  request.set_order("dance");
  EXPECT_EQ(order(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WritesApiTest, ADrillIsHeldOnceAndItsStepsAreToldAgain) {
  v1::DrillRequest request;
  request.set_service("policy");
  request.set_validate_only(true);
  const auto drill = [&] {
    grpc::ClientContext context;
    std::string steps;
    v1::DrillStep step;
    const auto reader = fallback_->Drill(&context, request);
    while (reader->Read(&step)) absl::StrAppend(&steps, steps.empty() ? "" : " ", step.step());
    return std::pair(steps, reader->Finish());
  };
  EXPECT_EQ(drill().first, "checked");
  EXPECT_EQ(desk_->state().order, "");
  request.set_etag("dormant/1/none/1");
  EXPECT_EQ(drill().second.error_code(), grpc::StatusCode::ABORTED);
  request.set_etag("");
  request.set_validate_only(false);
  request.set_limit_ms(100);  // this host does nothing
  request.set_request_id("r1");
  for (const bool again : {false, true}) {
    if (again) restart();
    const auto [steps, ended] = drill();
    EXPECT_EQ(steps, "ordered");
    EXPECT_EQ(ended.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_EQ(desk_->state().order, again ? "" : "return");
  }
  request.set_service("chain");
  request.set_request_id("r2");
  EXPECT_EQ(drill().second.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// In solo mode the engine is part of the agent, which knows when it gave it what it holds.
TEST_F(WritesApiTest, ASoloEngineSaysSinceWhen) {
  auto thread = EngineThread::start([]() -> absl::StatusOr<std::unique_ptr<engine::Engine>> {
    auto fake = std::make_unique<FakeEngine>();
    fake->figures_now.generation = Generation(1);
    return fake;
  });
  ASSERT_TRUE(thread.ok());
  SoloSupervisor solo(**thread, test_.state.get());
  EXPECT_EQ(solo.engines()[0].applied_at, absl::InfinitePast());
  const absl::Time before = steady_time();
  ASSERT_TRUE(test_.apply(kTwoNodes).ok());
  EXPECT_GE(solo.engines()[0].applied_at, before);
  EXPECT_LE(solo.engines()[0].applied_at, steady_time());
  const absl::Time applied = solo.engines()[0].applied_at;
  Detour yielded;
  yielded.yielded = true;
  ASSERT_TRUE(test_.state->detour(yielded).ok());  // the generation is the same
  EXPECT_EQ(solo.engines()[0].applied_at, applied);
}

}  // namespace
}  // namespace outrigger::agent
