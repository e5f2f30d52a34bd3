// scorecard: did it pay?  From two measurements, or two folders of them.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "scorecard/scorecard.h"

namespace outrigger::cli {

namespace {

struct Options {
  std::string before, after;
  std::string form = "table";
  uint64_t seed = 1;
};

void scorecard(Context& context, const Options& options) {
  const auto input = scorecard::load(options.before, options.after);
  if (!input.ok()) return context.fail(input.status());
  const auto card = scorecard::make(*input, {.seed = options.seed});
  if (!card.ok()) return context.fail(card.status());
  if (options.form == "html") {
    context.out << scorecard::to_html(*card, *input);
  } else {
    context.out << (options.form == "json" ? scorecard::to_json(*card) : scorecard::to_table(*card));
  }
}

}  // namespace

void add_scorecard_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "scorecard",
      "Compare measurements before and after a move: figures with intervals, what it cost, and\n"
      "whether it paid.  A folder may hold several runs, and both sides.\n"
      "Example: outrigger scorecard before.jsonl after.jsonl -o html > report.html");
  command->add_option("BEFORE", options->before, "measurement, or a folder of them")
      ->required()
      ->type_name("PATH");
  command->add_option("AFTER", options->after, "measurement, or a folder of them")
      ->required()
      ->type_name("PATH");
  command->add_option("-o,--output", options->form, "table, json or html")
      ->check(CLI::IsMember({"table", "json", "html"}))
      ->type_name("table|json|html");
  command->add_option("--seed", options->seed, "of the resampling; the same seed gives the same figures")
      ->type_name("N");
  command->callback([options, &context] { scorecard(context, *options); });
}

}  // namespace outrigger::cli
