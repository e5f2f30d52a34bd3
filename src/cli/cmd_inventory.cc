// inventory: what infrastructure work this host does now, by looking at it.  Needs no daemon and no lab.
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "cli/table.h"
#include "inventory/take.h"

namespace outrigger::cli {

namespace {

struct Options {
  bool live = false;
  std::string file;
  double watch = 0;
  std::string rules;
  bool print_rules = false;
  std::vector<std::string> networks;
  std::string form = "table";
};

Json json_of(const offload::Noise& noise) {
  return {{"cpu", noise.cpu},
          {"cpu_deviation", noise.cpu_deviation},
          {"switches_per_second", noise.switches_per_second},
          {"wakeups_per_second", noise.wakeups_per_second},
          {"run_queue_wait", noise.run_queue_wait},
          {"softirq", noise.softirq},
          {"cpu_pressure", noise.cpu_pressure},
          {"memory_pressure", noise.memory_pressure},
          {"io_pressure", noise.io_pressure},
          {"watched_seconds", noise.watched_seconds}};
}

Json json_of(const offload::Privilege& held) {
  return {{"capabilities", held.capabilities},
          {"uid", held.uid ? Json(*held.uid) : Json()},
          {"host_network", held.host_network},
          {"host_pid", held.host_pid},
          {"sockets", held.sockets},
          {"bpf", held.bpf},
          {"tables", held.tables}};
}

Json json_of(const offload::Service& service) {
  return {{"name", service.name},
          {"task", service.task},
          {"why", service.why},
          {"kernel", service.kernel},
          {"privileged", service.privileged},
          {"latency_sensitive", service.latency_sensitive},
          {"traffic_locality", service.traffic_locality},
          {"pids", service.pids},
          {"program", service.program},
          {"unit", service.unit},
          {"cgroup", service.cgroup},
          {"noise", json_of(service.noise)},
          {"privilege", json_of(service.privilege)},
          {"memory_bytes", service.memory},
          {"state_bytes", service.state},
          {"host_calls_per_second", service.host_calls_per_second},
          {"contract",
           {{"health", service.contract.health},
            {"version", service.contract.version},
            {"log_owner", service.contract.log_owner},
            {"fallback", service.contract.fallback}}}};
}

Json json_of(const offload::Inventory& inventory) {
  Json services = Json::array();
  for (const offload::Service& one : inventory.services) services.push_back(json_of(one));
  return {{"host", inventory.host},
          {"kernel", inventory.kernel},
          {"machine", inventory.machine},
          {"taken_at", inventory.taken_at},
          {"cpus", inventory.cpus},
          {"memory_bytes", inventory.memory},
          {"cpu_busy", inventory.cpu_busy},
          {"softirq", inventory.softirq},
          {"application_cpu", inventory.application_cpu},
          {"applications_limited", inventory.applications_limited},
          {"application_as_root", inventory.application_as_root},
          {"services", services},
          {"not_seen", inventory.not_seen}};
}

// The fewest words that say how much could be done with it.
std::string rights_of(const offload::Service& service) {
  const offload::Privilege& held = service.privilege;
  if (!service.privileged) return "-";
  if (service.kernel) return "kernel";
  const auto& names = held.capabilities;
  const std::string user = held.uid == 0u ? "root" : held.uid ? absl::StrCat("uid ", *held.uid) : "";
  if (names.empty()) return user;
  const std::string some =
      names.size() <= 2 ? absl::StrJoin(names, " ") : absl::StrCat(names.size(), " capabilities");
  return absl::StrCat(user, user.empty() ? "" : ", ", some);
}

void print_table(const offload::Inventory& inventory, std::ostream& out) {
  Table table({"SERVICE", "TASK", "RIGHTS", ">CPU", ">DEV", ">WAKES/S", ">MEMORY", ">PROCS", "WHY"});
  for (const offload::Service& one : inventory.services) {
    const offload::Noise& noise = one.noise;
    // The kernel does not say what its rules and tunnels take.
    const bool counted = !one.kernel || noise.cpu > 0;
    const auto real = [](bool known, double value, int digits) {
      return known ? absl::StrFormat("%.*f", digits, value) : "-";
    };
    table.row({one.name, one.task, rights_of(one), real(counted, noise.cpu, 3),
               real(noise.watched_seconds > 0, noise.cpu_deviation, 3),
               real(counted, noise.wakeups_per_second, 0), one.memory == 0 ? "-" : binary(one.memory),
               one.pids.empty() ? "-" : absl::StrCat(one.pids.size()), one.why});
  }
  if (!table.empty()) table.print(out);
  for (const std::string& one : inventory.not_seen) out << "not seen: " << one << '\n';
}

absl::StatusOr<offload::Inventory> take(const Context& context, const Options& options) {
  inventory::TakeOptions how;
  how.look.skip = static_cast<uint32_t>(::getpid());
  if (absl::Status status = inventory::look_only_into(options.networks, how); !status.ok()) return status;
  how.watch = std::chrono::duration<double>(options.watch);
  if (::isatty(STDERR_FILENO) == 1) {
    how.progress = [&](double seconds) {
      context.err << absl::StrFormat("\rwatching: %.0f of %.0f s", seconds, options.watch)
                  << (seconds >= options.watch ? "\n" : "") << std::flush;
    };
  }
  if (!options.rules.empty()) {
    const auto text = read_text(options.rules);
    auto own = text.ok() ? inventory::parse_rules(*text, options.rules) : text.status();
    if (!own.ok()) return own.status();
    how.rules.insert(how.rules.begin(), own->begin(), own->end());
  }
  return inventory::take(how);
}

absl::StatusOr<offload::Inventory> read(const std::string& file) {
  const auto text = read_text(file);
  if (!text.ok()) return text.status();
  return offload::parse_inventory(*text, file == "-" ? "standard input" : file);
}

void inventory_of(Context& context, const Options& options) {
  if (options.print_rules) {
    context.out << inventory::builtin_rules_text();
    return;
  }
  const auto found = options.file.empty() ? take(context, options) : read(options.file);
  if (!found.ok()) return context.fail(found.status());
  if (options.form == "table") return print_table(*found, context.out);
  context.out << (options.form == "json" ? json_of(*found).dump(2) + "\n" : offload::to_yaml(*found));
}

}  // namespace

void add_inventory_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "inventory",
      "What infrastructure work this host does now: processes, and the kernel's own.  As root it sees all.\n"
      "Example: outrigger inventory --watch 60s -o yaml > inventory.yaml");
  auto* live = command->add_flag("--live", options->live, "look at this host (the default)");
  auto* file =
      command
          ->add_option("-f,--filename", options->file, "show an inventory file, or - for the standard input")
          ->type_name("FILE")
          ->excludes(live);
  add_duration(*command, "--watch", options->watch,
               "watch for so long, second by second; without it, one look")
      ->excludes(file);
  command
      ->add_option("--rules", options->rules,
                   "rules of classification that are asked before the built-in ones")
      ->type_name("FILE")
      ->excludes(file);
  command->add_flag("--print-rules", options->print_rules, "print the built-in rules");
  command
      ->add_option("--network", options->networks,
                   "only what is in these network namespaces, as `ip netns` names them; the first is the "
                   "host's (for hosts of a lab)")
      ->type_name("NAME ...")
      ->excludes(file);
  command->add_option("-o,--output", options->form, "table, json, or yaml, which plan reads")
      ->check(CLI::IsMember({"table", "yaml", "json"}))
      ->type_name("table|yaml|json");
  command->callback([options, &context] { inventory_of(context, *options); });
}

}  // namespace outrigger::cli
