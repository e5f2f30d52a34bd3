// The agent dies after what was asked for is on record and before the caller has heard of it.
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "dpu/rollout/rollouts.h"

namespace outrigger::agent {
namespace {

// A store that takes `writes` more, each whole, and then dies with its process.
class AnswersTest : public ::testing::Test {
 protected:
  void begin(int writes) {
    rollouts_.reset();
    writes_ = writes;
    NoteMemory memory;
    memory.put = [this](const auto& topic, const auto& name, const auto& text) {
      return write({{topic, name, text}});
    };
    memory.put_all = [this](const std::vector<Note>& notes) { return write(notes); };
    memory.all = [this](const auto& topic) -> absl::StatusOr<std::map<std::string, std::string>> {
      const std::lock_guard lock(mutex_);
      return stored_[topic];
    };
    rollouts_ = std::make_unique<Rollouts>(memory, nullptr, nullptr);
    Changer changer;
    changer.version = [] { return std::string("1"); };
    changer.preflight = [](const RolloutOrder&) { return absl::OkStatus(); };
    changer.change = [](const RolloutOrder& order) -> absl::StatusOr<std::string> {
      while (!order.aborted()) absl::SleepFor(absl::Milliseconds(2));
      return absl::CancelledError("over");
    };
    rollouts_->offer("policy", changer);
    ASSERT_TRUE(rollouts_->recover().ok());
  }
  absl::Status write(const std::vector<Note>& notes) {
    const std::lock_guard lock(mutex_);
    for (const Note& one : notes) {
      if (writes_ > 0) stored_[one.topic][one.name] = one.text;
    }
    --writes_;
    return absl::OkStatus();
  }
  [[nodiscard]] size_t records() {
    const std::lock_guard lock(mutex_);
    return stored_["rollout"].size();
  }
  v1::StartRolloutRequest request() const {
    v1::StartRolloutRequest made;
    made.set_service("policy");
    made.set_to("2");
    made.set_request_id("r1");
    return made;
  }

  std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> stored_;
  int writes_ = 0;
  std::unique_ptr<Rollouts> rollouts_;
};

// Whichever write was the last: what is on record is answered, what is not is done.
TEST_F(AnswersTest, AStartOnRecordIsNeverDoneTwice) {
  for (int writes = 0; writes < 6; ++writes) {
    stored_.clear();
    begin(writes);
    const auto first = rollouts_->start(request(), "ann");
    ASSERT_TRUE(first.ok()) << first.status();
    begin(1000);
    const size_t before = records();
    const auto second = rollouts_->start(request(), "ann");
    ASSERT_TRUE(second.ok()) << writes << " writes: " << second.status();
    EXPECT_EQ(records(), 1u) << writes << " writes";
    if (before == 1) {
      EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
    }
  }
}

TEST_F(AnswersTest, AWordOnRecordIsAnsweredAlike) {
  begin(1000);
  ASSERT_TRUE(rollouts_->start(request(), "ann").ok());
  while (rollouts_->latest("policy")->state() != "shadow") absl::SleepFor(absl::Milliseconds(2));
  writes_ = 1;
  v1::ChangeRolloutRequest abort;
  abort.set_service("policy");
  abort.set_verb("abort");
  abort.set_request_id("r2");
  const auto first = rollouts_->change(abort, "ann");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->state(), "rolled_back");
  begin(1000);
  const auto second = rollouts_->change(abort, "ann");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->SerializeAsString(), first->SerializeAsString());
}

}  // namespace
}  // namespace outrigger::agent
