// When the host carries its own traffic.  A pure state machine: it is told what is the case and says what to
// do; the clock it is given only ever goes forward (CLOCK_BOOTTIME), so a jump of the wall clock means
// nothing.
//
//   dormant --lease lost, or an order--> blocking --done--> active --DPU healthy, or an order--> handing_back
//      ^                                    |failed                                                  |done
//      '------------------------------------+--------------------------------------------------------'
//
// A lost lease is answered at once: shut the one, open the other.  Where both sides live a switch is make
// before break, in three steps with time between them: the path that will carry is opened beside the other;
// when everybody who sends hears it, what the endpoints send moves over; when everybody sends there, the
// other is shut.  A lease that is lost meanwhile ends this: the host takes all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace outrigger::host {

enum class State : uint8_t { kDormant, kBlocking, kActive, kHandingBack, kFailed };
std::string_view name(State state);  // "dormant", "blocking", "active", "handing_back", "failed"

enum class Order : uint8_t { kNone, kFallBack, kReturn };
enum class Action : uint8_t {
  kNone,
  kTakeOver,  // whole: the host path alone is open
  kGiveBack,  // whole: the DPU's alone
  kOpenHost,  // the host path, beside the DPU's
  kMoveToHost,
  kOpenDpu,  // the DPU's ports, beside the host path
  kMoveToDpu,
};

struct Situation {
  absl::Duration now;        // since some fixed moment
  bool lease = false;        // the DPU has answered within its word
  bool dpu_healthy = false;  // and says that its services are
  Order order = Order::kNone;
  bool allowed = false;      // the contracts let the host take over
  std::string bundle_fault;  // why there is nothing to go by; empty: there is a valid bundle
  std::string path_fault;    // why the kernel path would not work; empty: it would
  bool ports = true;         // the DPU's ports of all endpoints exist
  bool gentle = false;       // the DPU says whether it carries, so both can be open at once
  bool dpu_carries = false;  // what it says
  bool dpu_answers = false;  // its ports still answer the endpoints: for when it can say nothing itself
};

class Machine {
 public:
  struct Settings {
    absl::Duration steady = absl::Seconds(5);  // the DPU is healthy for so long before it gets its work back
    absl::Duration retry = absl::Seconds(2);
    absl::Duration unnoticed = absl::Milliseconds(1500);  // until peers have missed the DPU's answers
    absl::Duration last_words = absl::Milliseconds(500);  // what was sent before a move has arrived
    absl::Duration promise = absl::Seconds(3);            // for the DPU to say that it carries
    absl::Duration opened = absl::Milliseconds(300);      // for it to find its peers
    absl::Duration noticed = absl::Milliseconds(2500);    // until peers have seen its answers again
  };
  explicit Machine(Settings settings, State state = State::kDormant, bool ordered = false)
      : settings_(settings), state_(state), ordered_(ordered) {}

  // What is to be done now; its outcome goes to done().
  Action step(const Situation& now);
  void done(Action action, bool succeeded, const std::string& why, absl::Duration now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] bool ordered() const { return ordered_; }  // the operator wanted it, so only he ends it

 private:
  Action wants_host(const Situation& now);
  Action wants_dpu(const Situation& now);
  Action takes_over(const Situation& now);
  Action hands_back(const Situation& now);
  [[nodiscard]] bool for_as_long_as(absl::Duration time, const Situation& now) const {
    return now.now - stepped_at_ >= time;
  }
  void go(State state, std::string reason);

  Settings settings_;
  State state_;
  bool ordered_ = false;
  bool cut_ = false;  // no lease, yet the DPU carries
  std::string reason_;
  absl::Duration healthy_since_ = absl::InfiniteDuration();
  absl::Duration not_before_ = absl::ZeroDuration();
  // Within blocking and handing_back; forgotten by a restart, which begins with the first step again.
  enum class Step : uint8_t { kBegun, kOpened, kMoved } step_ = Step::kBegun;
  absl::Duration stepped_at_ = absl::ZeroDuration();
  absl::Duration carried_since_ = absl::InfiniteDuration();
};

}  // namespace outrigger::host
