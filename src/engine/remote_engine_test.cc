// RemoteEngine and EngineServer over a real socket, with an engine made for the purpose; then each side
// against a peer that misbehaves.
#include "engine/remote_engine.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <random>
#include <thread>

#include "engine/engine_messages.h"
#include "engine/engine_server.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class FakeEngine : public Engine {
 public:
  absl::StatusOr<Epoch> apply(std::string_view update) override {
    if (update == "bad") return absl::InvalidArgumentError("bad update");
    applied = std::string(update);
    return Epoch(7);
  }
  absl::StatusOr<Explanation> explain(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) override {
    if (frame.empty()) return absl::NotFoundError("nothing");
    Explanation out{.kind = packet::Kind::kArp, .epoch = Epoch(4), .generation = Generation(5)};
    out.step = Step::dropped(Drop::kPolicyEgress);
    out.decision.to = {port, tunnel};
    out.session.emplace();
    return out;
  }
  Figures figures() override {
    Figures out{.epoch = Epoch(1), .generation = Generation(2), .drops = {1, 2, 3}, .rule_hits = {0, 9}};
    out.ports.push_back({PortId(3), "tap,iface=a", 1, 2, 3, 4});
    out.workers.push_back({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    out.capacity.push_back({"buffers", 10, 1, 2, 3, 4});
    return out;
  }
  std::vector<Session> sessions(size_t limit) override { return std::vector<Session>(limit); }
  absl::StatusOr<Echo> probe(PortId port, std::span<const uint8_t> frame, uint64_t mark, unsigned) override {
    std::this_thread::sleep_for(milliseconds(mark));
    return Echo{true, port, {frame.begin(), frame.end()}, 77, Drop::kNone};
  }
  absl::Status shadow(bool) override { return absl::OkStatus(); }
  ShadowReport shadow_report() override { return {1, 2, 3, 4, {{"flow", "a", "b", "c"}}}; }
  Role role() override { return Role::kShadow; }
  void tend() override { ++tended; }

  std::string applied;
  std::atomic<int> tended{0};
};

class Served : public testing::Test {
 protected:
  void SetUp() override {
    auto listener = listen_at(path_, SocketKind::kStream);
    ASSERT_TRUE(listener.ok()) << listener.status();
    server_ =
        std::make_unique<EngineServer>(fake_, EngineIdentity{"1.2.3", 2, {"seccomp"}, {"landlock: none"}},
                                       *std::move(listener), std::vector<uid_t>{});
    thread_ = std::thread([this] { server_->serve(stop_.get()); });
  }
  void TearDown() override {
    (void)eventfd_write(stop_.get(), 1);
    thread_.join();
    (void)unlink(path_.c_str());
  }
  std::unique_ptr<RemoteEngine> connect(const RemoteEngine::Timeouts& timeouts = {}) {
    auto engine = RemoteEngine::connect(path_, timeouts);
    EXPECT_TRUE(engine.ok()) << engine.status();
    return *std::move(engine);
  }

  std::string path_ = testing::TempDir() + "remote_engine_test.sock";
  FakeEngine fake_;
  Descriptor stop_{eventfd(0, 0)};
  std::unique_ptr<EngineServer> server_;
  std::thread thread_;
};

TEST_F(Served, EveryCallComesThrough) {
  auto engine = connect();
  v1::Update update;
  update.set_generation(12);
  update.mutable_structure()->set_node("n");
  update.set_digest(0xfeedfacecafebeef);
  const std::string bytes = update.SerializeAsString();
  EXPECT_EQ(*engine->apply(bytes), Epoch(7));
  EXPECT_EQ(fake_.applied, bytes);
  const auto hello = engine->hello();
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->version, "1.2.3");
  EXPECT_EQ(hello->slot, 2u);
  EXPECT_EQ(hello->role, Role::kShadow);
  EXPECT_EQ(hello->pid, getpid());
  EXPECT_EQ(hello->generation, Generation(12));
  EXPECT_EQ(hello->digest, 0xfeedfacecafebeef);
  EXPECT_EQ(hello->epoch, Epoch(7));
  EXPECT_EQ(hello->session_layout, kSessionLayout);
  EXPECT_EQ(hello->not_enforced, std::vector<std::string>{"landlock: none"});
  const std::vector<uint8_t> frame = {1, 2, 3};
  const auto why = engine->explain(frame, PortId(5), TunnelId(6));
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_EQ(why->step, Step::dropped(Drop::kPolicyEgress));
  EXPECT_EQ(why->decision.to.port, PortId(5));
  EXPECT_TRUE(why->session.has_value());
  EXPECT_EQ(engine->sessions(3).size(), 3u);
  const auto echo = engine->probe(PortId(1), frame, 1, 10);
  ASSERT_TRUE(echo.ok()) << echo.status();
  EXPECT_EQ(echo->frame, frame);
  EXPECT_TRUE(engine->shadow(true).ok());
  EXPECT_EQ(engine->shadow_report().differences.at(0).kind, "c");
}

TEST_F(Served, FiguresKeepTheirPlaces) {
  const Figures figures = connect()->figures();
  EXPECT_EQ(figures.drops.size(), kDropCount);
  EXPECT_EQ(figures.drops[2], 3u);
  EXPECT_EQ(figures.rule_hits, (std::vector<uint64_t>{0, 9}));
  ASSERT_EQ(figures.workers.size(), 1u);
  EXPECT_EQ(figures.workers[0].handed_over, 7u);
  EXPECT_EQ(figures.workers[0].sleeps, 9u);
  EXPECT_EQ(figures.ports.at(0).tx_bytes, 4u);
  EXPECT_EQ(figures.capacity.at(0).refused, 3u);
}

TEST_F(Served, ErrorsKeepTheirCodeAndTheConnection) {
  auto engine = connect();
  EXPECT_EQ(engine->apply("bad").status(), absl::InvalidArgumentError("bad update"));
  EXPECT_EQ(engine->explain({}, PortId(1), kNoTunnel).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(engine->connected());
}

TEST_F(Served, ALateAnswerEndsTheConnectionNotTheCaller) {
  auto engine = connect({.call = milliseconds(30)});
  EXPECT_EQ(engine->probe(PortId(1), {}, 300, 10).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(engine->connected());
  EXPECT_EQ(engine->hello().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(connect({})->hello().ok());
}

TEST_F(Served, TendsBetweenCalls) {
  std::this_thread::sleep_for(milliseconds(350));
  EXPECT_GE(fake_.tended.load(), 3);
  auto engine = connect();
  ASSERT_TRUE(engine->shadow(true).ok());
  const int before = fake_.tended.load();
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_GE(fake_.tended.load() - before, 20);
}

TEST_F(Served, EndIsAnsweredAndEndsTheServer) {
  EXPECT_TRUE(connect()->end().ok());
  thread_.join();
  thread_ = std::thread([] {});
}

TEST_F(Served, SurvivesGarbageAndSilence) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    auto socket = connect_to(path_, SocketKind::kStream);
    ASSERT_TRUE(socket.ok()) << socket.status();
    std::string bytes(random() % 64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (bytes.size() >= 4 && round % 2 == 0)
      bytes[1] = bytes[2] = bytes[3] = 0;  // a short message, then more
    (void)::send(socket->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  EXPECT_TRUE(connect()->hello().ok());
}

TEST(EngineServerAnswer, RefusesWhatItDoesNotKnow) {
  FakeEngine fake;
  EngineServer server(fake, {}, Descriptor(), {});
  EXPECT_EQ(status_of(server.answer("\xff\xff")).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of(server.answer("")).code(), absl::StatusCode::kUnimplemented);
  v1::EngineCall call;
  call.mutable_probe()->set_port(70'000);
  EXPECT_EQ(status_of(server.answer(call.SerializeAsString())).code(), absl::StatusCode::kNotFound);
}

TEST(FromMessage, RefusesStructsOfAnotherSize) {
  v1::ExplainReply reply;
  to_message(Explanation{}, reply);
  EXPECT_TRUE(from_message(reply).ok());
  reply.mutable_decision()->push_back('x');
  EXPECT_EQ(from_message(reply).status().code(), absl::StatusCode::kFailedPrecondition);
  v1::SessionsReply sessions;
  to_message(std::vector<Session>(2), sessions);
  EXPECT_EQ(from_message(sessions)->size(), 2u);
  sessions.mutable_sessions()->pop_back();
  EXPECT_FALSE(from_message(sessions).ok());
  to_message(std::vector<Session>(2), sessions);
  sessions.set_layout(kSessionLayout + 1);
  EXPECT_FALSE(from_message(sessions).ok());
}

}  // namespace
}  // namespace outrigger::engine
