#include "dpu/fallback/drill.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace outrigger::agent {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(20);

class Run {
 public:
  Run(Desk& desk, const DrillOrder& order, const std::function<void(const v1::DrillStep&)>& say,
      const std::function<bool()>& cancelled)
      : desk_(desk),
        order_(order),
        patience_{order.limit, order.clock, order.sleep, cancelled},
        say_(say),
        cancelled_(cancelled),
        began_(order.clock()) {}

  absl::Status there() {
    if (absl::Status status = wait("active"); !status.ok()) return status;
    say("active", began_, "the host path carries the traffic");
    const absl::Time until = order_.clock() + order_.hold;
    while (order_.clock() < until && !cancelled_()) pause(patience_);
    return absl::OkStatus();
  }

  absl::Status back() {
    const absl::Time returned = order_.clock();
    if (absl::Status status = desk_.order_return(order_.actor, {.drill = true}); !status.ok()) return status;
    say("returning", returned, "the host is told to give the traffic back");
    if (absl::Status status = wait("dormant"); !status.ok()) return status;
    say("dormant", returned, "the DPU carries the traffic again");
    return absl::OkStatus();
  }

  void ordered() { say("ordered", began_, "the host is told to take over"); }

 private:
  void say(const char* step, absl::Time since, std::string message) {
    const absl::Time now = order_.clock();
    v1::DrillStep one;
    one.set_step(step);
    one.set_after_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(now - began_)));
    one.set_took_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(now - since)));
    one.set_message(std::move(message));
    say_(one);
  }

  absl::Status wait(const std::string& state) {
    absl::Status status = await_state(desk_, state, patience_);
    if (absl::IsCancelled(status))
      return absl::CancelledError("the caller went away; the host is told to return");
    return status;
  }

  Desk& desk_;
  const DrillOrder& order_;
  const Patience patience_;
  const std::function<void(const v1::DrillStep&)>& say_;
  const std::function<bool()>& cancelled_;
  const absl::Time began_;
};

}  // namespace

void pause(const Patience& patience) {
  if (patience.sleep) return patience.sleep(kPoll);
  absl::SleepFor(kPoll);
}

absl::Status await_state(const Desk& desk, const std::string& state, const Patience& patience) {
  const absl::Time deadline = patience.clock() + patience.limit;
  for (;;) {
    const HostState host = desk.state();
    if (host.state == state) return absl::OkStatus();
    if (patience.cancelled && patience.cancelled())
      return absl::CancelledError(absl::StrCat("the host is ", host.state, ", not ", state, " yet"));
    if (patience.clock() > deadline)
      return absl::DeadlineExceededError(absl::StrCat("the host is ", host.state, ", not ", state, ", after ",
                                                      absl::FormatDuration(patience.limit),
                                                      host.error.empty() ? "" : ": ", host.error));
    pause(patience);
  }
}

absl::Status run_drill(Desk& desk, const DrillOrder& order,
                       const std::function<void(const v1::DrillStep&)>& say,
                       const std::function<bool()>& cancelled) {
  Run run(desk, order, say, cancelled);
  if (absl::Status status = desk.order_fall_back(order.actor, {.etag = order.etag, .drill = true});
      !status.ok())
    return status;
  absl::Cleanup back = [&] { (void)desk.order_return(order.actor, {.drill = true}); };
  run.ordered();
  if (absl::Status status = run.there(); !status.ok()) return status;
  std::move(back).Cancel();
  return run.back();
}

// Its status and each of its steps, a line each.
std::string DrillRecord::text() const {
  std::string out = absl::StrCat(status.raw_code(), " ", absl::CEscape(std::string(status.message())));
  for (const v1::DrillStep& step : steps)
    absl::StrAppend(&out, "\n", absl::CEscape(step.SerializeAsString()));
  return out;
}

DrillRecord DrillRecord::parse(const std::string& text) {
  DrillRecord record;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  const size_t space = lines[0].find(' ');
  int code = 0;
  std::string message;
  if (space == std::string::npos || !absl::SimpleAtoi(lines[0].substr(0, space), &code) ||
      !absl::CUnescape(lines[0].substr(space + 1), &message)) {
    record.status = absl::DataLossError("what became of this drill cannot be read any more");
    return record;
  }
  record.status = absl::Status(static_cast<absl::StatusCode>(code), message);
  for (size_t i = 1; i < lines.size(); ++i) {
    std::string bytes;
    v1::DrillStep step;
    if (absl::CUnescape(lines[i], &bytes) && step.ParseFromString(bytes)) record.steps.push_back(step);
  }
  return record;
}

}  // namespace outrigger::agent
