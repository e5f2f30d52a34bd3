#include "dpu/engine_thread.h"

#include <atomic>
#include <chrono>
#include <set>

#include "dpu/fake_engine.h"
#include "gtest/gtest.h"

namespace outrigger::agent {
namespace {

// Tells which threads called it, and when it went.
struct Watched : FakeEngine {
  Watched(std::set<std::thread::id>& threads, bool& gone) : seen(threads), ended(gone) {}
  ~Watched() override { ended = true; }
  engine::Figures figures() override {
    seen.insert(std::this_thread::get_id());
    return {};
  }
  void tend() override {
    seen.insert(std::this_thread::get_id());
    ++tended;
  }
  std::set<std::thread::id>& seen;
  bool& ended;
};

TEST(EngineThreadTest, EveryCallComesFromTheOneThreadThatAlsoTends) {
  std::set<std::thread::id> seen;
  bool ended = false;
  {
    auto thread = EngineThread::start([&]() -> absl::StatusOr<std::unique_ptr<engine::Engine>> {
      seen.insert(std::this_thread::get_id());
      return std::make_unique<Watched>(seen, ended);
    });
    ASSERT_TRUE(thread.ok());
    std::vector<std::thread> callers;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        for (int k = 0; k < 50; ++k) {
          (*thread)->call([](engine::Engine& engine) { return engine.figures(); });
          ++answered;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(answered, 200);
    const auto tended = [](engine::Engine& engine) { return dynamic_cast<Watched&>(engine).tended; };
    for (int i = 0; i < 100 && (*thread)->call(tended) < 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_GE((*thread)->call(tended), 2);
    EXPECT_FALSE(ended);
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(seen.size(), 1u);
}

TEST(EngineThreadTest, AnEngineThatDoesNotStartSaysWhy) {
  const auto thread = EngineThread::start([]() -> absl::StatusOr<std::unique_ptr<engine::Engine>> {
    return absl::UnavailableError("no memory");
  });
  EXPECT_EQ(thread.status().message(), "no memory");
}

}  // namespace
}  // namespace outrigger::agent
