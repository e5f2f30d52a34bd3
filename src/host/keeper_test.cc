// What the keeper hears and says, by a link that is a script.
#include "host/keeper.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace outrigger::host {
namespace {

// What the DPU answers, and what it was told.
struct Dpu {
  std::mutex lock;
  v1::RenewReply reply;
  std::vector<std::string> states;
};

class ScriptedLink : public Link {
 public:
  explicit ScriptedLink(Dpu& dpu) : dpu_(dpu) {}
  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) override {
    const std::lock_guard lock(dpu_.lock);
    dpu_.states.push_back(request.fallback_state());
    return dpu_.reply;
  }
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest&) override {
    return absl::NotFoundError("there is none");
  }
  absl::StatusOr<v1::ShipLogsReply> ship(const v1::ShipLogsRequest&) override { return v1::ShipLogsReply(); }
  absl::StatusOr<v1::ReportWindowsReply> report(const v1::ReportWindowsRequest&) override {
    return v1::ReportWindowsReply();
  }

 private:
  Dpu& dpu_;
};

class KeeperTest : public ::testing::Test {
 protected:
  KeeperTest() {
    dpu_.reply.set_lease_ms(1000);
    dpu_.reply.set_dpu_healthy(true);
  }
  std::unique_ptr<Keeper> keeper(absl::Duration every) {
    return std::make_unique<Keeper>(
        Keeper::Settings{.node = "host-a",
                         .file = absl::StrCat(::testing::TempDir(), "/keeper-", getpid()),
                         .every = every},
        *Ed25519Key::make(), std::make_unique<ScriptedLink>(dpu_));
  }
  size_t calls() {
    const std::lock_guard lock(dpu_.lock);
    return dpu_.states.size();
  }
  std::string last_state() {
    const std::lock_guard lock(dpu_.lock);
    return dpu_.states.empty() ? "" : dpu_.states.back();
  }
  void answer(const std::function<void(v1::RenewReply&)>& change) {
    const std::lock_guard lock(dpu_.lock);
    change(dpu_.reply);
  }
  static bool soon(const std::function<bool()>& is) {
    for (int i = 0; i < 400 && !is(); ++i) absl::SleepFor(absl::Milliseconds(5));
    return is();
  }
  static bool rings(Keeper& keeper, int ms) {
    pollfd ready{keeper.bell().readable(), POLLIN, 0};
    const bool rang = poll(&ready, 1, ms) == 1;
    keeper.bell().hush();
    return rang;
  }

  Dpu dpu_;
};

TEST_F(KeeperTest, ItsBellRingsWhenTheDpuSaysSomethingElseAndOnlyThen) {
  const auto keeper = this->keeper(absl::Milliseconds(10));
  keeper->report({State::kDormant, {}, ""});
  ASSERT_TRUE(soon([&] { return keeper->news().dpu_healthy; }));
  while (rings(*keeper, 100)) {
  }
  const size_t before = calls();
  EXPECT_FALSE(rings(*keeper, 100)) << "the same again";
  EXPECT_GT(calls(), before + 2) << "was said meanwhile";
  answer([](v1::RenewReply& reply) { reply.set_order("fall_back"); });
  EXPECT_TRUE(rings(*keeper, 1000));
  EXPECT_EQ(keeper->news().order, Order::kFallBack);
  answer([](v1::RenewReply& reply) { reply.set_carries(false); });
  EXPECT_TRUE(rings(*keeper, 1000));
  answer([](v1::RenewReply& reply) { reply.set_dpu_healthy(false); });
  EXPECT_TRUE(rings(*keeper, 1000));
  EXPECT_FALSE(rings(*keeper, 100));
}

TEST_F(KeeperTest, ALeaseSaysHowLongItHolds) {
  const auto keeper = this->keeper(absl::Milliseconds(10));
  keeper->report({State::kDormant, {}, ""});
  ASSERT_TRUE(soon([&] { return keeper->news().dpu_healthy; }));
  const Keeper::News news = keeper->news();
  EXPECT_TRUE(news.lease);
  EXPECT_GT(news.lease_left, absl::Milliseconds(500));
  EXPECT_LE(news.lease_left, absl::Milliseconds(1000));
}

TEST_F(KeeperTest, AnotherStateIsToldAtOnceAndTheSameIsNot) {
  const auto keeper = this->keeper(absl::Hours(1));
  EXPECT_EQ(calls(), 0u) << "nothing is said before it is known";
  keeper->report({State::kDormant, {}, ""});
  ASSERT_TRUE(soon([&] { return last_state() == "dormant"; }));
  keeper->report({State::kDormant, {}, ""});
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(calls(), 1u);
  keeper->report({State::kActive, {}, ""});
  EXPECT_TRUE(soon([&] { return last_state() == "active"; }));
  EXPECT_EQ(calls(), 2u);
}

}  // namespace
}  // namespace outrigger::host
