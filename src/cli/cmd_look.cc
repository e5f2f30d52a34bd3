// sessions, stats, drops, capacity: what the engine holds and counts.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"

namespace outrigger::cli {

namespace {

struct Options {
  std::string form = "table";
  std::string endpoint;
  uint32_t limit = 1000;
  bool all = false;
};

// Asks every target for a list and shows all rows as one; NODE is a column when there are several nodes.
template <typename Ask, typename Rows, typename Cells>
void list(Context& context, const Options& options, const Ask& ask, const Rows& rows_of,
          std::vector<std::string> headings, const Cells& cells, const char* when_empty) {
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  const bool several = all->size() > 1;
  if (several) headings.insert(headings.begin(), "NODE");
  Table table(std::move(headings));
  Json array = Json::array();
  for (const Target& target : *all) {
    const auto reply = ask(*target.api);
    if (!reply.ok()) return context.fail(reply.status());
    for (const auto& one : rows_of(*reply)) {
      std::vector<std::string> row = cells(one);
      if (several) row.insert(row.begin(), one.node());
      table.row(std::move(row));
      if (options.form == "json") array.push_back(to_json(one));
    }
  }
  if (options.form == "json") {
    context.out << array.dump(2) << '\n';
  } else if (table.empty()) {
    context.out << when_empty << '\n';
  } else {
    table.print(context.out);
  }
}

std::string end(const std::string& address, uint32_t port) {
  if (port == 0) return address;
  const bool v6 = address.find(':') != std::string::npos;
  return absl::StrCat(v6 ? "[" : "", address, v6 ? "]:" : ":", port);
}

void sessions(Context& context, const Options& options) {
  v1::SessionsRequest request;
  request.set_endpoint(options.endpoint);
  request.set_limit(options.limit);
  list(
      context, options, [&](Api& api) { return api.sessions(request); },
      [](const v1::Sessions& reply) -> const auto& { return reply.sessions(); },
      {"NETWORK", "PROTO", "SOURCE", "DESTINATION", "STATE", ">PACKETS", ">BYTES", ">IDLE", "RULE"},
      [](const v1::Session& one) -> std::vector<std::string> {
        const std::string state =
            one.drop().empty() ? one.state() : absl::StrCat(one.state(), ":", one.drop());
        return {one.network(),
                one.protocol(),
                end(one.source(), one.source_port()),
                end(one.destination(), one.destination_port()),
                state,
                absl::StrCat(one.packets()),
                absl::StrCat(one.bytes()),
                absl::StrFormat("%.1fs", one.idle()),
                one.rule()};
      },
      "no sessions");
}

void drops(Context& context, const Options& options) {
  list(
      context, options, [&](Api& api) { return api.drops(options.all); },
      [](const v1::Drops& reply) -> const auto& { return reply.drops(); },
      {"REASON", "SERVICE", ">COUNT", "MEANING"},
      [](const v1::DropCount& one) -> std::vector<std::string> {
        return {one.reason(), one.service(), absl::StrCat(one.count()), one.meaning()};
      },
      "nothing was dropped (--all shows every reason)");
}

void capacity(Context& context, const Options& options) {
  list(
      context, options, [](Api& api) { return api.capacity(); },
      [](const v1::Capacities& reply) -> const auto& { return reply.capacity(); },
      {"NAME", ">SIZE", ">USED", ">USE%", ">HIGH WATER", ">REFUSED", ">BYTES"},
      [](const v1::CapacityFigure& one) -> std::vector<std::string> {
        const double share =
            one.size() == 0 ? 0 : 100.0 * static_cast<double>(one.used()) / static_cast<double>(one.size());
        return {one.name(),
                absl::StrCat(one.size()),
                absl::StrCat(one.used()),
                absl::StrFormat("%.1f", share),
                absl::StrCat(one.high_water()),
                absl::StrCat(one.refused()),
                binary(one.bytes())};
      },
      "the engine states no capacity");
}

void print_stats(std::ostream& out, const v1::Stats& stats) {
  out << "node " << stats.node() << ", outriggerd " << stats.version() << ", up "
      << absl::StrFormat("%.0fs", stats.uptime()) << "\ngeneration " << stats.generation() << " desired, "
      << stats.applied_generation() << " in force, epoch " << stats.epoch() << "; " << stats.drops()
      << " packets dropped\n\n";
  Table ports({">PORT", "ENDPOINT", "DEVICE", ">RX PACKETS", ">RX BYTES", ">TX PACKETS", ">TX BYTES"});
  for (const v1::PortStats& one : stats.ports()) {
    ports.row({absl::StrCat(one.port()), one.endpoint(), one.device(), absl::StrCat(one.rx_packets()),
               absl::StrCat(one.rx_bytes()), absl::StrCat(one.tx_packets()), absl::StrCat(one.tx_bytes())});
  }
  ports.print(out);
  out << '\n';
  Table workers(
      {">WORKER", ">PACKETS", ">DECIDED", ">REDECIDED", ">KEPT", ">HANDED OVER", ">ANSWERED", ">BUSY%"});
  for (const v1::WorkerStats& one : stats.workers()) {
    const double busy =
        one.turns() == 0 ? 0
                         : 100.0 * static_cast<double>(one.busy_turns()) / static_cast<double>(one.turns());
    workers.row({absl::StrCat(one.worker()), absl::StrCat(one.packets()), absl::StrCat(one.decided()),
                 absl::StrCat(one.redecided()), absl::StrCat(one.kept()), absl::StrCat(one.handed_over()),
                 absl::StrCat(one.answered()), absl::StrFormat("%.1f", busy)});
  }
  workers.print(out);
  if (stats.rules_size() == 0) return;
  out << '\n';
  Table rules({"RULE", ">HITS"});
  for (const v1::RuleStats& one : stats.rules()) rules.row({one.rule(), absl::StrCat(one.hits())});
  rules.print(out);
}

// One object for one daemon, an array for a lab, however many nodes it has.
void stats(Context& context, const Options& options) {
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  const bool one = context.lab.empty() || !context.node.empty();
  Json array = Json::array();
  for (const Target& target : *all) {
    const auto reply = target.api->stats();
    if (!reply.ok()) return context.fail(reply.status());
    if (options.form == "json") {
      array.push_back(to_json(*reply));
      continue;
    }
    if (&target != &all->front()) context.out << '\n';
    print_stats(context.out, *reply);
  }
  if (options.form == "json") context.out << (one ? array.front() : array).dump(2) << '\n';
}

using Action = void (*)(Context&, const Options&);

CLI::App* add(CLI::App& app, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, Action action) {
  auto* command = app.add_subcommand(name, help);
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  add_target_options(*command, context);
  command->callback([&context, options, action] { action(context, *options); });
  return command;
}

}  // namespace

void add_look_commands(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* listing = add(app, context, options, "sessions",
                      "List live sessions: both ends, state, counters and the rule that decided.\n"
                      "Example: outrigger sessions --endpoint shop/web-1 --limit 20",
                      sessions);
  listing->add_option("--endpoint", options->endpoint, "only this endpoint's, or this address's")
      ->type_name("NAMESPACE/NAME");
  listing->add_option("--limit", options->limit, "at most so many")->type_name("N");
  add(app, context, options, "stats",
      "Show ports, workers and the hits of every rule.\nExample: outrigger stats -o json", stats);
  auto* dropping = add(app, context, options, "drops",
                       "Count lost packets, every reason by name.\nExample: outrigger drops --all", drops);
  dropping->add_flag("--all", options->all, "also the reasons that never happened");
  add(app, context, options, "capacity",
      "Show size, use, high-water mark and refusals of every table and pool.\nExample: outrigger capacity",
      capacity);
}

}  // namespace outrigger::cli
