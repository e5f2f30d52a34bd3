#include "dpu/health/patience.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "base/steady_time.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kPause = absl::Milliseconds(10);

absl::StatusOr<engine::Echo> ask_again(const EchoFn& ask, PortId port, uint64_t mark, absl::Time began,
                                       absl::Time end) {
  while (steady_time() < end) {
    absl::SleepFor(std::min(kPause, end - steady_time()));
    absl::StatusOr<engine::Echo> echo = ask(port, {}, mark, 0);
    if (absl::IsInvalidArgument(echo.status())) break;  // an engine that knows no second question
    if (!echo.ok()) return echo;
    if (!echo->arrived) continue;
    echo->nanoseconds = static_cast<uint64_t>(absl::ToInt64Nanoseconds(steady_time() - began));
    return echo;
  }
  return engine::Echo{};
}

}  // namespace

EchoFn patient(EchoFn ask) {
  if (!ask) return ask;
  return [ask = std::move(ask)](PortId port, std::span<const uint8_t> frame, uint64_t mark,
                                unsigned timeout_ms) -> absl::StatusOr<engine::Echo> {
    const absl::Time began = steady_time();
    const auto at_once = static_cast<unsigned>(absl::ToInt64Milliseconds(kAtOnce));
    absl::StatusOr<engine::Echo> first = ask(port, frame, mark, std::min(timeout_ms, at_once));
    if (!first.ok() || first->arrived || timeout_ms <= at_once) return first;
    absl::StatusOr<engine::Echo> later =
        ask_again(ask, port, mark, began, began + absl::Milliseconds(timeout_ms));
    if (later.ok() && !later->arrived) later->drop = first->drop;
    return later;
  };
}

}  // namespace outrigger::agent
