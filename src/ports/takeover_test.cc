// Who gets the queues when, with processes that do nothing for engines.
#include "ports/takeover.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "ports/watch.h"

namespace outrigger::ports {
namespace {

using engine::kNobody;
using std::chrono::milliseconds;

class TakeoverTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = engine::NodeMemory::create({.workers = 2, .sessions = 64, .rules = 1}, false);
    ASSERT_TRUE(made.ok()) << made.status();
    memory_ = std::make_unique<engine::NodeMemory>(*std::move(made));
    takeover_.use(*memory_);
  }
  void TearDown() override {
    for (const pid_t child : children_) end(child);
  }

  // An engine that stands by in the lowest slot.
  Member attach(bool foreign_to_us = false, uint32_t slot = 0) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    children_.push_back(child);
    Member member{.slot = slot, .pid = child, .version = "1", .instance = "e"};
    member.process =
        std::make_shared<const Descriptor>(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    if (foreign_to_us) {
      EXPECT_TRUE(roster_.add_foreign(member).ok());
    } else {
      member = *roster_.add(member);
      takeover_.vacate(member.slot);
    }
    return *roster_.find(member.slot);
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
  }
  void own(unsigned worker, uint32_t owner, uint32_t wanted) {
    memory_->word(worker).owner = owner;
    memory_->word(worker).wanted = wanted;
  }
  void expect(unsigned worker, uint32_t owner, uint32_t wanted) {
    EXPECT_EQ(memory_->word(worker).owner, owner) << "worker " << worker;
    EXPECT_EQ(memory_->word(worker).wanted, wanted) << "worker " << worker;
  }

  std::unique_ptr<engine::NodeMemory> memory_;
  Events events_;
  Roster roster_;
  int repairs_ = 0;
  Takeover takeover_{roster_, events_, [this] { return static_cast<uint64_t>(++repairs_); }};
  std::vector<pid_t> children_;
};

TEST_F(TakeoverTest, TheFirstThatIsReadyGetsWhatNobodyHas) {
  const Member first = attach(), second = attach();
  takeover_.ready(second.slot);
  takeover_.ready(first.slot);
  expect(0, second.slot, second.slot);
  expect(1, second.slot, second.slot);
}

TEST_F(TakeoverTest, TheNextTakesOverFromADeadOneOnceItsBuffersAreBack) {
  const Member first = attach(), second = attach();
  takeover_.ready(first.slot);
  takeover_.ready(second.slot);
  end(first.pid);
  takeover_.ended(first);
  EXPECT_EQ(repairs_, 1);
  expect(0, second.slot, second.slot);
  expect(1, second.slot, second.slot);
  EXPECT_FALSE(roster_.find(first.slot));
}

TEST_F(TakeoverTest, ACrashIsToldWithTheTimeSinceTheLastSignOfLife) {
  const Member first = attach(), second = attach();
  takeover_.ready(first.slot);
  takeover_.ready(second.slot);
  end(first.pid);
  (void)events_.take();
  takeover_.ended(first, 4.5);
  const auto told = events_.take();
  const auto crash = std::find_if(told.begin(), told.end(), [](const Event& one) {
    return one.what.kind() == engine::v1::PortsEvent::CRASHED;
  });
  ASSERT_NE(crash, told.end());
  EXPECT_DOUBLE_EQ(crash->what.milliseconds(), 4.5);
}

TEST_F(TakeoverTest, AnHeirThatIsStoppedOrDeadIsPassedOver) {
  const Member active = attach(), stopped = attach(), dead = attach(), well = attach();
  for (const Member& one : {active, stopped, dead, well}) takeover_.ready(one.slot);
  ::kill(stopped.pid, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(stopped.pid, &status, WUNTRACED), stopped.pid);
  end(dead.pid);
  end(active.pid);
  takeover_.ended(active);
  expect(0, well.slot, well.slot);
}

TEST_F(TakeoverTest, ASlotIsGivenWithoutWhatADeadOneLeftInItsName) {
  own(0, 0, 1);  // our predecessor died while 0 was to give way to 1
  own(1, 0, 1);
  const Member fresh = attach();
  ASSERT_EQ(fresh.slot, 0u);
  expect(0, kNobody, kNobody);
  takeover_.ready(fresh.slot);
  expect(0, 0, 0);
  expect(1, 0, 0);
}

TEST_F(TakeoverTest, WhatALivingOneHasIsAskedForAndTheRestTaken) {
  own(0, 1, 1);
  own(1, 3, 3);  // nobody is in slot 3
  (void)attach(true, 1);
  const Member fresh = attach();
  takeover_.ready(fresh.slot);
  expect(0, 1, fresh.slot);
  expect(1, fresh.slot, fresh.slot);
}

TEST_F(TakeoverTest, ADeathDoesNotTakeQueuesFromTheLiving) {
  const Member dead = attach(), heir = attach();
  (void)attach(true, 3);
  takeover_.ready(heir.slot);
  own(0, 3, dead.slot);
  own(1, dead.slot, dead.slot);
  end(dead.pid);
  takeover_.ended(dead);
  expect(0, 3, heir.slot);
  expect(1, heir.slot, heir.slot);
}

TEST_F(TakeoverTest, WhoWasInASlotBeforeIsNotWhoIsThereNow) {
  const Member before = attach();
  end(before.pid);
  takeover_.ended(before);
  const Member now = attach();
  ASSERT_EQ(now.slot, before.slot);
  takeover_.ready(now.slot);
  takeover_.stalled(before, 10);
  takeover_.ended(before);
  ASSERT_TRUE(roster_.find(now.slot));
  EXPECT_EQ(::kill(now.pid, 0), 0);
  expect(0, now.slot, now.slot);
  EXPECT_EQ(repairs_, 0);
}

TEST_F(TakeoverTest, AShadowThatDiesWantsNoMoreSamples) {
  const Member first = attach(), shadow = attach();
  memory_->header().sampling = 1u << first.slot | 1u << shadow.slot;
  end(shadow.pid);
  takeover_.ended(shadow);
  EXPECT_EQ(memory_->header().sampling, 1u << first.slot);
}

TEST_F(TakeoverTest, AnHeirWhoseWakerDiedIsWoken) {
  const Member heir = attach();
  takeover_.ready(heir.slot);
  Watch watch(roster_, takeover_, events_, {});
  watch.use(*memory_);
  own(0, kNobody, heir.slot);
  const auto start = std::chrono::steady_clock::now();
  std::thread sleeper([&] { engine::sleep_while(memory_->word(0).owner, kNobody, std::chrono::seconds(5)); });
  std::this_thread::sleep_for(milliseconds(20));
  memory_->word(0).owner = heir.slot;  // and dead, before it could wake anyone
  watch.start();
  sleeper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  watch.stop();
}

}  // namespace
}  // namespace outrigger::ports
