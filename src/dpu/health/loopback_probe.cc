#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dpu/health/probe_frames.h"
#include "dpu/health/probes.h"
#include "packet/packet_info.h"

namespace outrigger::agent {

namespace {

constexpr uint16_t kPort = 7777;
constexpr uint64_t kSmall = 64;            // tables below this are sized to what is in them
constexpr unsigned kHeadroomPercent = 90;  // fuller is trouble
constexpr unsigned kFiguresEvery = 10;     // rounds: figures walk every counter

// Tables that are nearly full, and links that are down.
std::string troubles(const ProbeSources& sources) {
  std::vector<std::string> found;
  const engine::Figures figures = sources.figures ? sources.figures() : engine::Figures{};
  for (const Capacity& one : figures.capacity) {
    if (one.size >= kSmall && one.used * 100 > one.size * kHeadroomPercent)
      found.push_back(absl::StrCat(one.name, " ", one.used, " of ", one.size));
  }
  if (sources.links_down) {
    for (const std::string& port : sources.links_down()) found.push_back(absl::StrCat("no link on ", port));
  }
  return absl::StrJoin(found, "; ");
}

class Loopback {
 public:
  Loopback(ProbeSources sources, absl::Duration timeout)
      : sources_(std::move(sources)),
        timeout_ms_(static_cast<unsigned>(absl::ToInt64Milliseconds(timeout))) {}

  Finding operator()() {
    const auto plan = sources_.plan ? sources_.plan() : std::nullopt;
    if (!plan || !sources_.echo)
      return {ProbeOutcome::kNothing, "nothing to probe: no desired state for this node"};
    const uint64_t mark = next_mark();
    const auto frame = probe_frame(plan->b, plan->a, {packet::kUdp, kPort, kPort}, mark);
    const auto echo = sources_.echo(PortId(compiler::kProbePortB), frame, mark, timeout_ms_);
    if (absl::IsUnimplemented(echo.status()))
      return {ProbeOutcome::kNothing, absl::StrCat("nothing to probe with: ", echo.status().message())};
    if (!echo.ok()) return {ProbeOutcome::kFail, std::string(echo.status().message())};
    if (!echo->arrived || echo->port != PortId(compiler::kProbePortA)) {
      return {ProbeOutcome::kFail, absl::StrCat("a packet from one probe port to the other did not arrive",
                                                echo->drop == Drop::kNone ? "" : ": ",
                                                std::string(kDrops[static_cast<size_t>(echo->drop)].name))};
    }
    if (round_++ % kFiguresEvery == 0) troubles_ = troubles(sources_);
    const absl::Duration latency = absl::Nanoseconds(echo->nanoseconds);
    if (!troubles_.empty()) return {ProbeOutcome::kTrouble, troubles_, latency};
    return {ProbeOutcome::kPass, "a packet went from one probe port to the other", latency};
  }

 private:
  const ProbeSources sources_;
  const unsigned timeout_ms_;
  unsigned round_ = 0;
  std::string troubles_;
};

}  // namespace

Probe loopback_probe(const ProbeSources& sources, absl::Duration timeout) {
  return [probe = std::make_shared<Loopback>(sources, timeout)] { return (*probe)(); };
}

}  // namespace outrigger::agent
