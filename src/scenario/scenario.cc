#include "scenario/scenario.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "lab/interrupt.h"
#include "scenario/experiment.h"
#include "scenario/series.h"

namespace outrigger::scenario {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostRules = 50'000;  // as many as world.h has addresses and ports for, and to spare
constexpr absl::Duration kBetween = absl::Seconds(3);  // a switch, roughly
constexpr absl::Duration kAudit = absl::Seconds(27);   // of an arm, roughly

// Manifests, rules, configurations, logs.
std::string setup_of(const Options& options) { return options.out + "/setup"; }

absl::Status write_file(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::trunc);
  out << text;
  out.close();
  return out ? absl::OkStatus() : absl::InternalError(absl::StrCat("cannot write ", file));
}

absl::Status check(const Options& options) {
  if (geteuid() != 0) return absl::FailedPreconditionError("lab run needs root: run it with sudo");
  if (options.blocks == 0 || options.blocks > 100)
    return absl::InvalidArgumentError(absl::StrCat("blocks: ", options.blocks, ", must be 1 to 100"));
  if (options.rules == 0 || options.rules > kMostRules)
    return absl::InvalidArgumentError(absl::StrCat("rules: ", options.rules, ", must be 1 to ", kMostRules));
  if (options.length < 2 * options.window)
    return absl::InvalidArgumentError("a turn must have two windows at least");
  std::error_code error;
  if (fs::exists(options.out, error) && !fs::is_empty(options.out, error))
    return absl::AlreadyExistsError(absl::StrCat(options.out, " holds files already: name another folder"));
  for (const std::string& folder : {setup_of(options), measurements_of(options), disturbed_of(options)}) {
    fs::create_directories(folder, error);
    if (error) return absl::InternalError(absl::StrCat("cannot make ", folder, ": ", error.message()));
  }
  return absl::OkStatus();
}

// The lab, with the policies in force.
absl::StatusOr<lab::NodeSocket> make_lab(const Setting& setting, const Api& api,
                                         const lab::Progress& progress) {
  const std::string topology = setting.folder + "/topology.yaml";
  const std::string policies = setting.folder + "/policies.yaml";
  if (absl::Status status = write_file(topology, setting.world.topology); !status.ok()) return status;
  if (absl::Status status = write_file(policies, setting.world.policies); !status.ok()) return status;
  const lab::LabOptions wanted{.name = setting.lab,
                               .manifests = topology,
                               .daemon = setting.options.daemon,
                               .mode = setting.options.mode};
  if (absl::Status status = lab::up(wanted, api.lab, progress); !status.ok()) return status;
  const auto nodes = lab::sockets(setting.lab);
  if (!nodes.ok()) return nodes.status();
  progress(absl::StrCat(setting.world.rules, " policy rules"));
  if (absl::Status status = api.lab.apply(nodes->front(), setting.world.policies); !status.ok())
    return status;
  return nodes->front();
}

// Before the turns, so that nothing of it is in them.  The DPU carries already, and the host has the first
// turn.
absl::Status audit(Experiment& experiment, const lab::Progress& progress) {
  for (const Arm arm : {Arm::kDpu, Arm::kHost}) {
    const absl::StatusOr<std::string> done = experiment.audit(arm);
    if (!done.ok()) return done.status();
    progress(*done);
  }
  return absl::OkStatus();
}

// After the turns: one change of engines, told in the last file of the DPU's arm.
absl::Status change(Experiment& experiment, const Options& options, const std::vector<std::string>& files,
                    const lab::Progress& progress) {
  const std::vector<Turn> all = turns(options.blocks);
  size_t last = all.size() - 1;
  while (all[last].arm != Arm::kDpu) --last;
  const absl::StatusOr<std::string> done = experiment.change(files[last]);
  if (!done.ok()) return done.status();
  progress(*done);
  return absl::OkStatus();
}

absl::Status judge(const Options& options, Result& result) {
  const absl::StatusOr<scorecard::Input> input =
      scorecard::load(measurements_of(options), measurements_of(options));
  if (!input.ok()) return input.status();
  absl::StatusOr<scorecard::Scorecard> card = scorecard::make(*input, {});
  if (!card.ok()) return card.status();
  result.card = *std::move(card);
  if (absl::Status status = write_file(options.out + "/scorecard.json", scorecard::to_json(result.card));
      !status.ok())
    return status;
  return write_file(options.out + "/scorecard.html", scorecard::to_html(result.card, *input));
}

}  // namespace

std::string measurements_of(const Options& options) { return options.out + "/measurements"; }
std::string disturbed_of(const Options& options) { return options.out + "/disturbed"; }

absl::Duration takes(const Options& options) {
  const absl::Duration audits = options.audit ? 2 * kAudit : absl::ZeroDuration();
  return 4 * options.blocks * (options.length + options.settle + kBetween) + audits + absl::Seconds(30);
}

absl::StatusOr<Result> run(const Options& options, const Api& api, const lab::Progress& progress) {
  const auto what = find(options.scenario);
  if (!what) return absl::NotFoundError(absl::StrCat("no scenario \"", options.scenario, "\": see --list"));
  if (absl::Status status = check_installed(programs_needed(what->kind)); !status.ok()) return status;
  if (absl::Status status = check(options); !status.ok()) return status;
  const lab::Interrupt interrupt;
  const Setting setting{.options = options,
                        .what = *what,
                        .lab = absl::StrCat("run-", getpid()),
                        .world = make_world(*what, options.rules),
                        .experiment = absl::StrCat(options.scenario, "-", absl::ToUnixSeconds(absl::Now())),
                        .folder = fs::absolute(setup_of(options))};
  const absl::Cleanup down = [&] { lab::down(setting.lab).IgnoreError(); };
  const absl::StatusOr<lab::NodeSocket> node = make_lab(setting, api, progress);
  if (!node.ok()) return node.status();
  Result result;
  {
    Experiment experiment(setting, api, *node);
    if (absl::Status status = experiment.begin(); !status.ok()) return status;
    if (options.audit) {
      if (absl::Status status = audit(experiment, progress); !status.ok()) return status;
    }
    auto files = take_all(
        options, [&](const Turn& turn) { return experiment.take(turn); }, progress);
    if (!files.ok()) return files.status();
    if (absl::Status status = change(experiment, options, *files, progress); !status.ok()) return status;
    result.files = *std::move(files);
  }
  if (absl::Status status = judge(options, result); !status.ok()) return status;
  return result;
}

}  // namespace outrigger::scenario
