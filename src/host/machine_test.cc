#include "host/machine.h"

#include <gtest/gtest.h>

namespace outrigger::host {
namespace {

class MachineTest : public ::testing::Test {
 protected:
  Situation at(double seconds) {
    Situation now = world_;
    now.now = absl::Seconds(seconds);
    return now;
  }
  Action step(double seconds) { return machine_.step(at(seconds)); }
  void take_over(double seconds) {
    world_.lease = false;
    ASSERT_EQ(step(seconds), Action::kTakeOver);
    EXPECT_EQ(machine_.state(), State::kBlocking);
    machine_.done(Action::kTakeOver, true, "", absl::Seconds(seconds));
    ASSERT_EQ(machine_.state(), State::kActive);
  }

  Situation world_{.lease = true, .dpu_healthy = true, .allowed = true};
  Machine machine_{Machine::Settings{}};
};

TEST_F(MachineTest, NothingHappensWhileTheLeaseHolds) {
  world_.dpu_healthy = false;  // ill, but in charge: the host takes nothing from it
  EXPECT_EQ(step(1), Action::kNone);
  EXPECT_EQ(machine_.state(), State::kDormant);
}

TEST_F(MachineTest, TakesOverWhenTheLeaseEndsAndGivesBackAfterSteadyHealth) {
  take_over(10);
  EXPECT_EQ(step(11), Action::kNone);
  world_.lease = true;
  EXPECT_EQ(step(20), Action::kNone);
  EXPECT_EQ(step(24.9), Action::kNone);
  EXPECT_EQ(step(25), Action::kGiveBack);
  EXPECT_EQ(machine_.state(), State::kHandingBack);
  machine_.done(Action::kGiveBack, true, "", absl::Seconds(25));
  EXPECT_EQ(machine_.state(), State::kDormant);
}

// Peers believe the DPU for as long as it answers them.
TEST_F(MachineTest, ADpuThatStillCarriesIsNotStoodInForWhenTheLinkAloneIsCut) {
  world_.lease = false;
  world_.dpu_answers = true;
  EXPECT_EQ(machine_.step(at(1)), Action::kNone);
  EXPECT_EQ(machine_.state(), State::kDormant);
  EXPECT_EQ(machine_.reason(),
            "the DPU's lease has expired, but its ports still answer: the link alone is cut");
  world_.lease = true;
  EXPECT_EQ(machine_.step(at(2)), Action::kNone);
  EXPECT_EQ(machine_.reason(), "the DPU is in charge");
  world_.lease = false;
  EXPECT_EQ(machine_.step(at(3)), Action::kNone);
  world_.dpu_answers = false;  // and now it dies
  EXPECT_EQ(machine_.step(at(4)), Action::kTakeOver);
  EXPECT_EQ(machine_.state(), State::kBlocking);
}

TEST_F(MachineTest, AnOrderIsFollowedWhoeverCarries) {
  world_.lease = false;
  world_.dpu_answers = true;
  world_.order = Order::kFallBack;
  EXPECT_EQ(machine_.step(at(1)), Action::kTakeOver);
}

TEST_F(MachineTest, AnInterruptionOfHealthStartsTheWaitAnew) {
  take_over(10);
  world_.lease = true;
  EXPECT_EQ(step(20), Action::kNone);
  world_.dpu_healthy = false;
  EXPECT_EQ(step(23), Action::kNone);
  world_.dpu_healthy = true;
  EXPECT_EQ(step(24), Action::kNone);
  EXPECT_EQ(step(28.9), Action::kNone);
  EXPECT_EQ(step(29), Action::kGiveBack);
}

TEST_F(MachineTest, WaitsForThePortsOfTheDpu) {
  take_over(10);
  world_.lease = true;
  world_.ports = false;
  EXPECT_EQ(step(20), Action::kNone);
  EXPECT_EQ(step(60), Action::kNone);
  world_.ports = true;
  EXPECT_EQ(step(61), Action::kGiveBack);
}

TEST_F(MachineTest, AContractThatSaysClosedStaysClosed) {
  world_.lease = false;
  world_.allowed = false;
  EXPECT_EQ(step(10), Action::kNone);
  EXPECT_EQ(machine_.state(), State::kDormant);
  EXPECT_EQ(machine_.reason(), "the DPU's lease has expired, but the contract says closed");
  world_.lease = true;
  world_.order = Order::kFallBack;
  EXPECT_EQ(step(11), Action::kNone);
  EXPECT_EQ(machine_.reason(), "ordered by the operator, but the contract says closed");
}

TEST_F(MachineTest, NeverOntoAnUnhealthyPath) {
  world_.lease = false;
  world_.path_fault = "the gateway does not answer";
  EXPECT_EQ(step(10), Action::kNone);
  EXPECT_EQ(machine_.state(), State::kFailed);
  EXPECT_EQ(machine_.reason(), "the DPU's lease has expired, but the gateway does not answer");
  world_.path_fault = "";
  EXPECT_EQ(step(11), Action::kTakeOver);  // as soon as it is healthy
}

TEST_F(MachineTest, NeverWithoutAValidBundle) {
  world_.lease = false;
  world_.allowed = false;  // nothing is known of the contracts either
  world_.bundle_fault = "expired: the bundle of generation 7";
  EXPECT_EQ(step(10), Action::kNone);
  EXPECT_EQ(machine_.reason(), "the DPU's lease has expired, but expired: the bundle of generation 7");
  world_.lease = true;
  EXPECT_EQ(step(11), Action::kNone);
  EXPECT_EQ(machine_.state(), State::kDormant);
}

TEST_F(MachineTest, WhatTheOperatorOrderedOnlyHeEnds) {
  world_.order = Order::kFallBack;
  ASSERT_EQ(step(10), Action::kTakeOver);
  machine_.done(Action::kTakeOver, true, "", absl::Seconds(10));
  world_.order = Order::kNone;
  EXPECT_EQ(step(100), Action::kNone);
  world_.order = Order::kReturn;
  world_.dpu_healthy = false;
  EXPECT_EQ(step(101), Action::kNone);  // not onto a DPU that is ill
  world_.dpu_healthy = true;
  EXPECT_EQ(step(102), Action::kGiveBack);
  machine_.done(Action::kGiveBack, true, "", absl::Seconds(102));
  EXPECT_FALSE(machine_.ordered());
}

TEST_F(MachineTest, AFailureIsSaidAndTriedAgainLater) {
  world_.lease = false;
  ASSERT_EQ(step(10), Action::kTakeOver);
  machine_.done(Action::kTakeOver, false, "no veth", absl::Seconds(10));
  EXPECT_EQ(machine_.state(), State::kFailed);
  EXPECT_EQ(machine_.reason(), "could not take over: no veth");
  EXPECT_EQ(step(11), Action::kNone);
  EXPECT_EQ(step(12), Action::kTakeOver);
  machine_.done(Action::kTakeOver, true, "", absl::Seconds(12));
  world_.lease = true;
  step(20);
  ASSERT_EQ(step(25), Action::kGiveBack);
  machine_.done(Action::kGiveBack, false, "no port", absl::Seconds(25));
  EXPECT_EQ(machine_.state(), State::kActive);  // still carried
  EXPECT_EQ(step(26), Action::kNone);
  EXPECT_EQ(step(27), Action::kGiveBack);
}

TEST_F(MachineTest, ARestartFinishesWhatWasBegun) {
  EXPECT_EQ(Machine({}, State::kBlocking).step(at(1)), Action::kTakeOver);
  EXPECT_EQ(Machine({}, State::kHandingBack).step(at(1)), Action::kGiveBack);
  Machine active({}, State::kActive);
  EXPECT_EQ(active.step(at(1)), Action::kNone);
  EXPECT_EQ(active.step(at(6)), Action::kGiveBack);
  EXPECT_EQ(Machine({}, State::kActive, true).step(at(60)), Action::kNone);
}

class GentleTest : public MachineTest {
 protected:
  GentleTest() { world_.gentle = true; }
  void done(Action action, double seconds) { machine_.done(action, true, "", absl::Seconds(seconds)); }
  void fall_back_by_order() {
    world_.order = Order::kFallBack;
    world_.dpu_carries = true;
    ASSERT_EQ(step(10), Action::kOpenHost);
    EXPECT_EQ(machine_.state(), State::kBlocking);
    done(Action::kOpenHost, 10.1);
  }
  void active_since_order() {
    fall_back_by_order();
    ASSERT_EQ(step(11.6), Action::kMoveToHost);
    done(Action::kMoveToHost, 11.7);
    ASSERT_EQ(step(12.2), Action::kTakeOver);
    done(Action::kTakeOver, 12.3);
    ASSERT_EQ(machine_.state(), State::kActive);
    world_.dpu_carries = false;
  }
  // The DPU is asked to carry, and the host's path is still open.
  void handing_back() {
    active_since_order();
    world_.order = Order::kReturn;
    ASSERT_EQ(step(20), Action::kOpenDpu);
    EXPECT_EQ(machine_.state(), State::kHandingBack);
    done(Action::kOpenDpu, 20.1);
  }
  void moved_back() {
    handing_back();
    world_.dpu_carries = true;
    ASSERT_EQ(step(20.2), Action::kNone);
    ASSERT_EQ(step(20.5), Action::kMoveToDpu);
    done(Action::kMoveToDpu, 20.6);
  }
};

TEST_F(GentleTest, AnOrderOpensTheHostPathBeforeAnythingMoves) {
  fall_back_by_order();
  EXPECT_EQ(step(11.5), Action::kNone);
  EXPECT_EQ(step(11.6), Action::kMoveToHost);
  done(Action::kMoveToHost, 11.7);
  EXPECT_EQ(step(12.1), Action::kNone);
  EXPECT_EQ(step(12.2), Action::kTakeOver);
  EXPECT_EQ(machine_.state(), State::kBlocking);
  done(Action::kTakeOver, 12.3);
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_TRUE(machine_.ordered());
}

TEST_F(GentleTest, ADeadDpuIsNotWaitedFor) {
  world_.lease = false;
  EXPECT_EQ(step(10), Action::kTakeOver);
}

TEST_F(GentleTest, ADpuThatDiesOnTheWayThereIsNotWaitedForEither) {
  fall_back_by_order();
  world_.lease = false;
  EXPECT_EQ(step(10.2), Action::kTakeOver);
}

TEST_F(GentleTest, EndpointsMoveBackWhenTheDpuSaysThatItCarries) {
  handing_back();
  EXPECT_EQ(step(21), Action::kNone);
  world_.dpu_carries = true;
  EXPECT_EQ(step(21.1), Action::kNone);
  EXPECT_EQ(step(21.4), Action::kMoveToDpu);
  done(Action::kMoveToDpu, 21.5);
  EXPECT_EQ(step(23.9), Action::kNone);  // peers still send to the host
  EXPECT_EQ(step(24), Action::kGiveBack);
  done(Action::kGiveBack, 24);
  EXPECT_EQ(machine_.state(), State::kDormant);
  EXPECT_FALSE(machine_.ordered());
}

TEST_F(GentleTest, ADpuThatNeverSaysSoGetsNothing) {
  handing_back();
  EXPECT_EQ(step(23), Action::kNone);
  EXPECT_EQ(step(23.1), Action::kTakeOver);
  done(Action::kTakeOver, 23.2);
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_EQ(step(24), Action::kNone);
  EXPECT_EQ(step(25.2), Action::kOpenDpu);  // tried again
}

TEST_F(GentleTest, ADpuThatDiesDuringTheHandBackLosesItAll) {
  for (const bool moved : {false, true}) {
    machine_ = Machine{Machine::Settings{}};
    world_.lease = true;
    if (moved) {
      moved_back();
    } else {
      handing_back();
    }
    world_.lease = false;
    EXPECT_EQ(step(20.7), Action::kTakeOver) << moved;
    done(Action::kTakeOver, 20.8);
    EXPECT_EQ(machine_.state(), State::kActive);
  }
}

TEST_F(GentleTest, AReturnThatWasOrderedIsTriedAgainByItself) {
  moved_back();
  world_.lease = false;
  ASSERT_EQ(step(20.7), Action::kTakeOver);
  done(Action::kTakeOver, 20.8);
  world_.lease = true;
  world_.order = Order::kNone;  // the DPU has forgotten that it was to tell us
  EXPECT_EQ(step(30), Action::kNone);
  EXPECT_EQ(step(35), Action::kOpenDpu);
}

TEST_F(GentleTest, IllnessDuringTheHandBackStopsNothing) {
  moved_back();
  world_.dpu_healthy = false;  // its peers have not answered yet
  EXPECT_EQ(step(21), Action::kNone);
  EXPECT_EQ(step(23.1), Action::kGiveBack);
}

TEST_F(GentleTest, AStepThatFailsOnTheWayBackLeavesTheHostInCharge) {
  handing_back();
  world_.dpu_carries = true;
  step(20.2);
  ASSERT_EQ(step(20.5), Action::kMoveToDpu);
  machine_.done(Action::kMoveToDpu, false, "no route", absl::Seconds(20.6));
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_EQ(machine_.reason(), "could not hand back: no route");
  EXPECT_EQ(step(21), Action::kNone);
  EXPECT_EQ(step(22.6), Action::kOpenDpu);
}

TEST_F(GentleTest, AStepThatFailsOnTheWayThereLeavesTheDpuInCharge) {
  fall_back_by_order();
  ASSERT_EQ(step(11.6), Action::kMoveToHost);
  machine_.done(Action::kMoveToHost, false, "no route", absl::Seconds(11.7));
  EXPECT_EQ(machine_.state(), State::kFailed);
}

TEST_F(GentleTest, ARestartBeginsWithTheFirstStepAgain) {
  Machine back({}, State::kHandingBack, true);
  EXPECT_EQ(back.step(at(1)), Action::kOpenDpu);
  Machine there({}, State::kBlocking, true);
  EXPECT_EQ(there.step(at(1)), Action::kOpenHost);
  world_.lease = false;
  EXPECT_EQ(Machine({}, State::kHandingBack).step(at(1)), Action::kTakeOver);
  EXPECT_EQ(Machine({}, State::kBlocking).step(at(1)), Action::kTakeOver);
}

}  // namespace
}  // namespace outrigger::host
