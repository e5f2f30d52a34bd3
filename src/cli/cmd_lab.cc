// lab: hosts, DPUs and a fabric in network namespaces.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/nodes.h"
#include "lab/lab.h"

namespace outrigger::cli {

namespace {

struct Options {
  lab::LabOptions lab;
  std::string form = "table";
  std::string where;
  std::string mode = "auto";
  std::string node;
  std::vector<std::string> command;
};

void up(Context& context, const Options& options) {
  lab::LabOptions wanted = options.lab;
  wanted.daemon = daemon_program();
  wanted.mode = options.mode == "split"  ? lab::Mode::kSplit
                : options.mode == "solo" ? lab::Mode::kSolo
                                         : lab::Mode::kAuto;
  const auto progress = [&context](std::string_view line) { context.err << line << std::endl; };
  if (absl::Status status = lab::up(wanted, lab_api(context.connect), progress); !status.ok()) {
    return context.fail(status);
  }
  context.out << "lab \"" << wanted.name << "\" is up; next: outrigger apply -f "
              << (wanted.manifests.empty() ? "examples/two-hosts" : wanted.manifests) << " --lab "
              << wanted.name << '\n';
}

void down(Context& context, const Options& options) {
  if (absl::Status status = lab::down(options.lab.name); !status.ok()) return context.fail(status);
  context.out << "lab \"" << options.lab.name << "\" is down\n";
}

void freeze(Context& context, const Options& options) {
  if (absl::Status status = lab::freeze(options.lab.name, options.node); !status.ok())
    return context.fail(status);
  context.out << "the DPU of " << options.node << " is dead; next: outrigger lab thaw " << options.node
              << " --name " << options.lab.name << '\n';
}

void thaw(Context& context, const Options& options) {
  absl::Status status = lab::thaw(options.lab.name, options.node, lab_api(context.connect));
  if (!status.ok()) return context.fail(status);
  context.out << "the DPU of " << options.node << " is back\n";
}

void status(Context& context, const Options& options) {
  const auto found = lab::status(options.lab.name);
  if (!found.ok()) return context.fail(found.status());
  context.out << (options.form == "json" ? lab::json(*found) : lab::table(*found));
  if (!found->ready) context.code = kError;
}

void exec(Context& context, const Options& options) {
  context.out << std::flush;
  context.fail(lab::exec(options.lab.name, options.where, options.command));
}

CLI::App* add(CLI::App& lab, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, void (*action)(Context&, const Options&)) {
  auto* command = lab.add_subcommand(name, help);
  command->add_option("--name", options->lab.name, "which lab; several can live side by side")
      ->type_name("NAME");
  command->callback([&context, options, action] { action(context, *options); });
  return command;
}

}  // namespace

std::string daemon_program() {
  if (const char* named = std::getenv("OUTRIGGERD"); named != nullptr && *named != '\0') return named;
  std::error_code none;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", none);
  for (const auto& place :
       {self.parent_path() / "outriggerd", self.parent_path().parent_path() / "dpu/outriggerd"}) {
    if (access(place.c_str(), X_OK) == 0) return place;
  }
  return "outriggerd";
}

void add_lab_commands(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* lab = app.add_subcommand(
      "lab",
      "Make hosts, DPUs and a fabric out of network namespaces.\n"
      "Example: outrigger lab up && outrigger lab exec shop/client-1 -- ping -c 1 10.1.0.11");
  lab->require_subcommand(1);
  auto* making = add(*lab, context, options, "up",
                     "Make a lab from manifests, or mend one.\n"
                     "Example: outrigger lab up --name demo -f examples/two-hosts",
                     up);
  making
      ->add_option("-f,--filename", options->lab.manifests,
                   "manifests of the lab; examples/two-hosts if left out")
      ->type_name("PATH");
  making
      ->add_option(
          "--mode", options->mode,
          "split: ports, engines and agent are processes of their own, on huge pages reserved for as long as "
          "the lab lives; solo: one process; auto: split if it can be")
      ->check(CLI::IsMember({"auto", "split", "solo"}))
      ->type_name("auto|split|solo");
  making->add_flag("--dhcp", options->lab.dhcp,
                   "endpoints configure themselves by DHCP and router advertisements");
  making->add_option("--daemon-arg", options->lab.daemon_arguments, "further argument for every outriggerd")
      ->type_name("ARG");
  add(*lab, context, options, "down",
      "Remove a lab and all it made.\nExample: outrigger lab down --name demo", down);
  add(*lab, context, options, "freeze",
      "Kill a node's DPU altogether, as if its power had failed.\nExample: outrigger lab freeze host-a",
      freeze)
      ->add_option("node", options->node, "a dpu node")
      ->required();
  add(*lab, context, options, "thaw", "Bring a frozen DPU back.\nExample: outrigger lab thaw host-a", thaw)
      ->add_option("node", options->node, "a dpu node")
      ->required();
  add(*lab, context, options, "status",
      "Show a lab's nodes and endpoints.\nExample: outrigger lab status -o json", status)
      ->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  auto* running = add(*lab, context, options, "exec",
                      "Run a program in an endpoint, in node/NAME or in fabric.\n"
                      "Example: outrigger lab exec shop/client-1 -- curl http://10.1.0.11:8080/",
                      exec);
  running->add_option("where", options->where, "namespace/endpoint, node/NAME or fabric")->required();
  running->add_option("command", options->command, "after --: the program and its arguments")->required();
  add_lab_run_command(*lab, context);
}

}  // namespace outrigger::cli
