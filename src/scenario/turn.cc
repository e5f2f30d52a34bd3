#include "scenario/turn.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "lab/names.h"
#include "measure/machine.h"
#include "measure/recorder.h"
#include "scenario/work.h"

namespace outrigger::scenario {
namespace {

using measure::LatencyProbe;
using measure::Measurement;
using measure::Window;

constexpr uint32_t kHostCpu = 0;  // lab::Side::kHost
constexpr uint64_t kGivenUpNs = 2'000'000'000;

measure::ProbeOptions questions(const Setting& setting) {
  const measure::Work work = work_of(setting);
  measure::ProbeOptions options;
  options.target = {.protocol = work.protocol,
                    .host = setting.world.guests.front().address,
                    .path = "",
                    .port = setting.what.port};
  options.rate = work.rate;
  options.connections = setting.what.kind == Kind::kGateway ? 64 : 8;
  options.fresh = setting.what.kind == Kind::kGateway;
  options.timeout_ns = kGivenUpNs;
  options.netns =
      absl::StrCat("/run/netns/", lab::endpoint_netns(setting.lab, setting.world.guests[1].endpoint));
  return options;
}

// Its threads stay on the CPU of the thread that starts it: not the application's.
absl::StatusOr<std::unique_ptr<LatencyProbe>> start_probe(const measure::ProbeOptions& options) {
  absl::StatusOr<std::unique_ptr<LatencyProbe>> probe = absl::InternalError("not started");
  std::thread([&] {
    lab::pin(lab::Side::kDpu);
    probe = LatencyProbe::start(options);
  }).join();
  return probe;
}

// What is the host's alone.
Window of_host(Window window, measure::Answered answered) {
  std::erase_if(window.cpu, [](const auto& one) { return one.first != kHostCpu; });
  std::erase_if(window.run_queue_wait, [](const auto& one) { return one.first != kHostCpu; });
  window.latency = std::move(answered.latency);
  window.sent = answered.sent;
  window.failed = answered.failed;
  return window;
}

std::string arm_in_words(Arm arm, const Options& options, uint64_t rule_lines) {
  if (arm == Arm::kDpu)
    return "offloaded: outrigger's engine carries the traffic on CPU 1, where softflowd exports flows too "
           "(Outrigger "
           "has no telemetry service yet); the host's kernel path is dormant";
  return absl::StrCat(
      "host-resident: the kernel's vxlan, bridge and nftables carry the traffic on CPU 0; softflowd exports "
      "flows "
      "there, and a policy agent applies all rules again (",
      rule_lines, " lines of nftables: each rule once for each way of a connection), ",
      absl::FormatDuration(options.agent_every), " after it was done the last time");
}

}  // namespace

measure::Work work_of(const Setting& setting) {
  const Options& options = setting.options;
  return {.protocol = std::string(setting.what.protocol),
          .target = absl::StrCat(setting.world.guests.front().address, ":", setting.what.port),
          .rate = options.rate > 0 ? options.rate : setting.what.rate,
          .budget_ms = options.budget_ms > 0 ? options.budget_ms : setting.what.budget_ms};
}

absl::StatusOr<Measurement> measure_turn(const Setting& setting) {
  Measurement measured;
  measured.started_at = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  measured.machine = measure::this_machine();
  measured.work = work_of(setting);
  const auto probe = start_probe(questions(setting));
  if (!probe.ok()) return probe.status();
  measure::RecorderOptions options;
  options.spin.cpu = options.wakeups.cpu = kHostCpu;
  const auto recorder = measure::Recorder::start(options);
  if (!recorder.ok()) return recorder.status();
  const absl::Time began = absl::Now();
  const auto windows = static_cast<int>(setting.options.length / setting.options.window);
  for (int number = 1; number <= windows; ++number) {
    const absl::Duration left = began + number * setting.options.window - absl::Now();
    if (absl::Status status = pause(left); !status.ok()) return status;
    if (number == windows) (*probe)->finish();
    measured.windows.push_back(of_host((*recorder)->close_window(), (*probe)->take()));
  }
  return measured;
}

absl::StatusOr<measure::Answered> ask_while(const Setting& setting, const std::function<void()>& act) {
  const auto probe = start_probe(questions(setting));
  if (!probe.ok()) return probe.status();
  if (absl::Status status = pause(setting.options.window); !status.ok()) return status;
  (void)(*probe)->take();  // its first connections
  act();
  if (absl::Status status = pause(setting.options.window); !status.ok()) return status;
  (*probe)->finish();
  return (*probe)->take();
}

void label(const Setting& setting, const Turn& turn, uint64_t rule_lines, Measurement& measured) {
  const std::string arm(name(turn.arm));
  measured.label = arm;
  measured.place = {setting.experiment, turn.block, turn.order};
  for (const char* service : {"policy", "overlay", "virtual_switch", "telemetry"})
    measured.placement[service] = arm;
  measured.notes = {
      absl::StrCat("scenario ", setting.options.scenario, ": ", std::string(setting.what.summary), "; ",
                   setting.world.rules, " policy rules"),
      "simulated: hosts, DPU and fabric are network namespaces of one machine, and the DPU is its CPU 1; "
      "figures of "
      "the host's CPU are those of CPU 0",
      "the load generator shares CPU 1 with the DPU: it adds to the latency of both arms, and more to the "
      "offloaded "
      "one, whose packets wait for it",
      arm_in_words(turn.arm, setting.options, rule_lines),
      "checked: packets went the way of this arm, by the counters of the host's vxlan devices"};
  if (setting.options.steal_limit < 1)
    measured.notes.push_back(absl::StrFormat(
        "a turn in which the hypervisor took more than %.3g %% of the host's CPU was made again",
        100 * setting.options.steal_limit));
  if (const std::string load = load_in_words(setting.what.kind); !load.empty())
    measured.notes.push_back(load);
}

}  // namespace outrigger::scenario
