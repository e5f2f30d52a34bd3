// The probes against a real engine with real services: nothing between them but what production has.  One
// engine a process, so these are apart from the other tests.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include "compiler/health_network.h"
#include "compiler/test_objects.h"
#include "dpu/health/probe_frames.h"
#include "dpu/health/probes.h"
#include "packet/packet_info.h"
#include "services/services.h"

namespace outrigger::agent {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(2);

class RealEngine : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    engine::EngineOptions options;
    options.workers = 2;
    options.sessions_per_worker = 4096;
    options.buffers = 4096;
    options.memory_mib = 128;
    options.rules = 4096;
    auto started = engine::Engine::start(options, services::make_builder());
    ASSERT_TRUE(started.ok()) << started.status();
    engine_ = started->release();
  }
  static void TearDownTestSuite() { delete engine_; }

  void SetUp() override { world_.node("host-a"); }

  // What `change` does to the policy is what an engine that judges wrongly would look like.
  absl::Status apply(const std::function<void(engine::v1::Policy&)>& change = {}) {
    compiler::Ids ids;
    auto compiled = compiler::compile(world_.objects(), "host-a", {"up", "ep%u", true}, ids);
    if (!compiled.ok()) return compiled.status();
    if (change) change(compiled->policy);
    engine::v1::Update update;
    update.set_generation(++generation_);
    *update.mutable_structure() = compiled->structure;
    *update.mutable_policy() = compiled->policy;
    return engine_->apply(update.SerializeAsString()).status();
  }

  ProbeSources sources() {
    ProbeSources out;
    out.echo = [](PortId port, std::span<const uint8_t> frame, uint64_t mark, unsigned timeout_ms) {
      return engine_->probe(port, frame, mark, timeout_ms);
    };
    out.plan = [this] { return std::optional(compiler::plan_health(world_.objects(), "host-a")); };
    out.figures = [] { return engine_->figures(); };
    return out;
  }

  static inline engine::Engine* engine_ = nullptr;
  static inline uint64_t generation_ = 0;
  compiler::testing::World world_;
};

TEST_F(RealEngine, PassesItsProbes) {
  ASSERT_TRUE(apply().ok());
  const Probe verdict = verdict_probe(sources(), kTimeout);
  const Probe loopback = loopback_probe(sources(), kTimeout);
  const Probe heartbeat = heartbeat_probe(sources(), absl::Seconds(1));
  for (int i = 0; i < 20; ++i) {
    Finding found = verdict();
    EXPECT_EQ(found.outcome, ProbeOutcome::kPass) << i << ": " << found.reason;
    EXPECT_GT(found.latency, absl::ZeroDuration());
    found = loopback();
    EXPECT_EQ(found.outcome, ProbeOutcome::kPass) << i << ": " << found.reason;
    EXPECT_EQ(heartbeat().outcome, ProbeOutcome::kPass);
  }
}

// Who waits elsewhere finds it, whoever asked in between.
TEST_F(RealEngine, AnEchoIsKeptForWhoAsksAgain) {
  ASSERT_TRUE(apply().ok());
  const auto plan = compiler::plan_health(world_.objects(), "host-a");
  const uint64_t first = next_mark(), second = next_mark();
  const auto send = [&](uint64_t mark, unsigned timeout_ms) {
    return engine_->probe(PortId(compiler::kProbePortB),
                          probe_frame(plan.b, plan.a, {packet::kUdp, 7777, 7777}, mark), mark, timeout_ms);
  };
  const bool at_once = send(first, 0)->arrived;
  EXPECT_TRUE(send(second, 2000)->arrived);
  const auto asked_again = engine_->probe(PortId(compiler::kProbePortB), {}, first, 0);
  ASSERT_TRUE(asked_again.ok()) << asked_again.status();
  EXPECT_NE(asked_again->arrived, at_once);
  EXPECT_FALSE(engine_->probe(PortId(compiler::kProbePortB), {}, first, 0)->arrived);
}

// Whoever looks at drops does not see those that were provoked.
TEST_F(RealEngine, ProbesAddNothingToWhatIsShown) {
  ASSERT_TRUE(apply().ok());
  ProbeSources from = sources();
  const Probe verdict = verdict_probe(from, kTimeout);
  const std::vector<uint64_t> before = engine_->figures().drops;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(verdict().outcome, ProbeOutcome::kPass);
  std::vector<uint64_t> after = engine_->figures().drops;
  EXPECT_NE(after, before);
  from.drops->take_from(after);
  EXPECT_EQ(after, before);
}

TEST_F(RealEngine, AHoleInThePolicyIsSeen) {
  ASSERT_TRUE(apply([](engine::v1::Policy& policy) {
                for (auto& rule : *policy.mutable_add_rules()) {
                  if (rule.action() == engine::v1::Rule::DENY) rule.set_action(engine::v1::Rule::ALLOW);
                }
              }).ok());
  const Finding found = verdict_probe(sources(), kTimeout)();
  EXPECT_EQ(found.outcome, ProbeOutcome::kFail);
  EXPECT_EQ(found.reason, "a packet denied by a rule arrived");
}

TEST_F(RealEngine, APolicyThatDeniesEverythingIsSeen) {
  ASSERT_TRUE(apply([](engine::v1::Policy& policy) { policy.clear_add_rules(); }).ok());
  const Finding found = verdict_probe(sources(), absl::Milliseconds(200))();
  EXPECT_EQ(found.outcome, ProbeOutcome::kFail);
  EXPECT_EQ(found.reason, "an allowed packet of a fresh flow did not arrive: policy_ingress");
}

TEST_F(RealEngine, WithoutTheNetworkProbesFail) {
  compiler::Ids ids;
  auto compiled = compiler::compile(world_.objects(), "host-a", {"up", "ep%u"}, ids);
  engine::v1::Update update;
  update.set_generation(++generation_);
  *update.mutable_structure() = compiled->structure;
  *update.mutable_policy() = compiled->policy;
  ASSERT_TRUE(engine_->apply(update.SerializeAsString()).ok());
  EXPECT_EQ(verdict_probe(sources(), kTimeout)().outcome, ProbeOutcome::kFail);
  EXPECT_EQ(loopback_probe(sources(), kTimeout)().outcome, ProbeOutcome::kFail);
}

}  // namespace
}  // namespace outrigger::agent
