// lab run: the host's way and the DPU's on the same work, in turns, and the verdict.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/number_option.h"
#include "cli/commands.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "cli/lab_run_api.h"
#include "cli/table.h"
#include "scenario/scenario.h"

namespace outrigger::cli {

namespace {

struct Options {
  scenario::Options run;
  double length = 30, settle = 3, window = 1, agent_every = 3;
  std::string mode = "auto", form = "table";
  bool list = false;
};

void list_json(Context& context) {
  Json all = Json::array();
  for (const scenario::Description& one : scenario::all()) {
    all.push_back({{"name", std::string(one.name)},
                   {"summary", std::string(one.summary)},
                   {"rate", one.rate},
                   {"budget_ms", one.budget_ms}});
  }
  context.out << all.dump(2) << '\n';
}

void list(Context& context) {
  Table table({"SCENARIO", "WHAT", ">RATE", ">P99 BUDGET"});
  for (const scenario::Description& one : scenario::all()) {
    table.row({std::string(one.name), std::string(one.summary), absl::StrFormat("%.0f/s", one.rate),
               absl::StrFormat("%.0f ms", one.budget_ms)});
  }
  table.print(context.out);
}

scenario::Options completed(const Options& options) {
  scenario::Options run = options.run;
  run.length = absl::Seconds(options.length);
  run.settle = absl::Seconds(options.settle);
  run.window = absl::Seconds(options.window);
  run.agent_every = absl::Seconds(options.agent_every);
  run.daemon = daemon_program();
  run.mode = options.mode == "split"  ? lab::Mode::kSplit
             : options.mode == "solo" ? lab::Mode::kSolo
                                      : lab::Mode::kAuto;
  if (run.out.empty())
    run.out = absl::StrCat("out/", run.scenario, "-",
                           absl::FormatTime("%Y%m%d-%H%M%S", absl::Now(), absl::UTCTimeZone()));
  return run;
}

void run(Context& context, const Options& options) {
  if (options.list) return options.form == "json" ? list_json(context) : list(context);
  if (options.run.scenario.empty()) return context.fail("name a scenario: see `outrigger lab run --list`");
  const scenario::Options wanted = completed(options);
  const auto progress = [&context](std::string_view line) { context.err << line << std::endl; };
  progress(absl::StrCat("about ",
                        absl::FormatDuration(absl::Trunc(scenario::takes(wanted), absl::Seconds(1))),
                        " (more where turns must be made again), into ", wanted.out));
  const auto result = scenario::run(wanted, scenario_api(context.connect), progress);
  if (!result.ok()) return context.fail(result.status());
  context.out << (options.form == "json" ? scorecard::to_json(result->card)
                                         : scorecard::to_table(result->card));
  context.err << wanted.out << "/scorecard.html holds the report, " << result->files.size()
              << " files beside it what was measured\n";
}

}  // namespace

void add_lab_run_command(CLI::App& lab, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = lab.add_subcommand(
      "run",
      "Measure a scenario with the host's own kernel path and with the DPU, in turns (ABBA), and judge.\n"
      "Makes a lab of its own and removes it.\n"
      "Example: outrigger lab run tail-latency --for 30s --blocks 4");
  command->add_option("scenario", options->run.scenario, "see --list")->type_name("SCENARIO");
  command->add_flag("--list", options->list, "the scenarios there are");
  add_duration(*command, "--for", options->length, "length of a turn; a block has four [30s]");
  add_duration(*command, "--settle", options->settle, "pause before each [3s]");
  add_duration(*command, "--window", options->window, "length of a window of a turn [1s]");
  add_duration(*command, "--agent-every", options->agent_every,
               "pause of the host's policy agent between applying all rules and applying them again [3s]");
  command->add_option("--blocks", options->run.blocks, "blocks of four turns [4]")->type_name("N");
  command->add_option("--rules", options->run.rules, "policy rules [5000]")->type_name("N");
  command->add_option("--rate", options->run.rate, "requests a second; the scenario's own if left out")
      ->check(NumberBetween(1.0, 1e6));
  command
      ->add_option("--budget", options->run.budget_ms,
                   "what p99 should stay under, in ms; the scenario's own")
      ->check(NumberBetween(0.001, 1e6));
  command->add_flag("!--no-audit", options->run.audit,
                    "do not try the isolation boundary, in each arm, before the turns");
  command
      ->add_option_function<double>(
          "--steal-limit", [options](double percent) { options->run.steal_limit = percent / 100; },
          "percent of the host's CPU; a turn in which the hypervisor took more is made again, as many as "
          "there are turns at most [5]")
      ->check(NumberBetween(0.0, 100.0))
      ->type_name("PERCENT");
  command->add_option("--out", options->run.out, "folder for files and report; out/SCENARIO-TIME if left out")
      ->type_name("DIR");
  command
      ->add_option("--mode", options->mode, "of the DPU: processes of their own, one, or split if it can be")
      ->check(CLI::IsMember({"auto", "split", "solo"}));
  command->add_option("-o,--output", options->form, "table or json")->check(CLI::IsMember({"table", "json"}));
  command->callback([options, &context] { run(context, *options); });
}

}  // namespace outrigger::cli
