// plan: what of a host's infrastructure work moves to the DPU, in which order, and why.  From files alone.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/plan_options.h"
#include "cli/table.h"
#include "offload/plan.h"

namespace outrigger::cli {

namespace {

struct Options {
  PlanFiles files;
  std::string form = "table";
};

Json json_of(const offload::Placement& placement) {
  return {{"service", placement.service},
          {"task", placement.task},
          {"verdict", offload::name(placement.verdict)},
          {"wave", placement.wave},
          {"weight", placement.weight},
          {"reasons", placement.reasons},
          {"missing", placement.missing}};
}

Json json_of(const offload::Plan& plan) {
  Json placements = Json::array(), waves = Json::array();
  for (const offload::Placement& one : plan.placements) placements.push_back(json_of(one));
  for (const offload::Wave& wave : plan.waves)
    waves.push_back({{"number", wave.number}, {"services", wave.services}, {"waits_for", wave.waits_for}});
  return {{"host", plan.host}, {"placements", placements}, {"waves", waves}, {"findings", plan.findings}};
}

std::string when(const offload::Placement& placement) {
  if (placement.wave != 0) return absl::StrCat("wave ", placement.wave);
  return placement.missing.empty() ? "-" : "not ready";
}

void print_table(const offload::Plan& plan, std::ostream& out) {
  Table table({"SERVICE", "TASK", "VERDICT", "WHEN", ">WEIGHT", "WHY"});
  for (const offload::Placement& one : plan.placements) {
    table.row({one.service, one.task, std::string(offload::name(one.verdict)), when(one),
               absl::StrFormat("%.1f", one.weight), absl::StrJoin(one.reasons, "; ")});
  }
  if (!table.empty()) table.print(out);
  for (const offload::Wave& wave : plan.waves) {
    out << (wave.number == 1 ? "\n" : "") << "wave " << wave.number << ": "
        << absl::StrJoin(wave.services, ", ");
    if (!wave.waits_for.empty()) out << "; not before the " << wave.waits_for;
    out << '\n';
  }
  for (const std::string& finding : plan.findings) out << "finding: " << finding << '\n';
}

void plan(Context& context, const Options& options) {
  const auto made = read_plan(options.files);
  if (!made.ok()) return context.fail(made.status());
  if (options.form == "table") return print_table(made->plan, context.out);
  const Json json = json_of(made->plan);
  context.out << (options.form == "json" ? json.dump(2) + "\n" : json_to_yaml(json));
}

}  // namespace

absl::StatusOr<Planned> read_plan(const PlanFiles& files) {
  const auto text = read_text(files.inventory);
  if (!text.ok()) return text.status();
  const std::string file = files.inventory == "-" ? "standard input" : files.inventory;
  auto inventory = offload::parse_inventory(*text, file);
  if (!inventory.ok()) return inventory.status();
  offload::Rules rules;
  if (!files.rules.empty()) {
    const auto own = read_text(files.rules);
    auto read = own.ok() ? offload::parse_rules(*own, files.rules) : own.status();
    if (!read.ok()) return read.status();
    rules = *std::move(read);
  }
  offload::Plan made = offload::make_plan(*inventory, rules);
  return Planned{*std::move(inventory), std::move(made)};
}

void add_plan_files(CLI::App& command, PlanFiles& files) {
  command.add_option("-f,--filename", files.inventory, "inventory, or - for the standard input")
      ->type_name("FILE");
  command
      .add_option("--rules", files.rules, "rules in place of the default ones, wave budget, room on the DPU")
      ->type_name("FILE");
}

void add_plan_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "plan",
      "Decide what moves to the DPU, in which order, and say why.  Changes nothing by itself.\n"
      "Example: outrigger plan -f inventory.yaml");
  command->require_subcommand(0, 1);
  add_plan_files(*command, options->files);
  command->add_option("-o,--output", options->form, "table, yaml or json")
      ->check(CLI::IsMember({"table", "yaml", "json"}))
      ->type_name("table|yaml|json");
  add_plan_apply(*command, context);
  command->callback([options, command, &context] {
    if (command->get_subcommands().empty()) plan(context, *options);
  });
}

}  // namespace outrigger::cli
