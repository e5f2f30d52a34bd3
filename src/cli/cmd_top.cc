// top: rates, refreshed.  Two readings and their difference; what a packet path does is a rate.
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/number_option.h"
#include "cli/commands.h"
#include "cli/table.h"

namespace outrigger::cli {

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  bool once = false;
  double interval = 1;
};

struct Reading {
  Clock::time_point at;
  std::string node;
  v1::Stats stats;
  v1::Drops drops;
};

absl::StatusOr<std::vector<Reading>> read(const std::vector<Target>& all) {
  std::vector<Reading> readings;
  for (const Target& target : all) {
    auto stats = target.api->stats();
    if (!stats.ok()) return stats.status();
    auto drops = target.api->drops(false);
    if (!drops.ok()) return drops.status();
    readings.push_back({Clock::now(), stats->node(), *std::move(stats), *std::move(drops)});
  }
  return readings;
}

// Counters start again when a daemon does: then there is no rate to show.
double rate(uint64_t before, uint64_t after, double seconds) {
  return after < before || seconds <= 0 ? 0 : static_cast<double>(after - before) / seconds;
}

std::string per_second(double value) {
  if (value >= 1e6) return absl::StrFormat("%.2fM", value / 1e6);
  if (value >= 1e4) return absl::StrFormat("%.1fk", value / 1e3);
  return absl::StrFormat("%.0f", value);
}

void show_ports(std::ostream& out, const Reading& before, const Reading& after, double seconds) {
  std::map<uint32_t, const v1::PortStats*> old;
  for (const v1::PortStats& port : before.stats.ports()) old[port.port()] = &port;
  Table table({"ENDPOINT", ">RX P/S", ">RX BIT/S", ">TX P/S", ">TX BIT/S"});
  for (const v1::PortStats& port : after.stats.ports()) {
    const auto found = old.find(port.port());
    if (found == old.end()) continue;
    const v1::PortStats& was = *found->second;
    table.row({port.endpoint(), per_second(rate(was.rx_packets(), port.rx_packets(), seconds)),
               per_second(8 * rate(was.rx_bytes(), port.rx_bytes(), seconds)),
               per_second(rate(was.tx_packets(), port.tx_packets(), seconds)),
               per_second(8 * rate(was.tx_bytes(), port.tx_bytes(), seconds))});
  }
  table.print(out);
}

void show_drops(std::ostream& out, const Reading& before, const Reading& after, double seconds) {
  std::map<std::string, uint64_t> old;
  for (const v1::DropCount& drop : before.drops.drops()) old[drop.reason()] = drop.count();
  Table table({"DROP", ">P/S", ">TOTAL", "MEANING"});
  for (const v1::DropCount& drop : after.drops.drops()) {
    table.row({drop.reason(), per_second(rate(old[drop.reason()], drop.count(), seconds)),
               absl::StrCat(drop.count()), drop.meaning()});
  }
  if (table.empty()) return;
  out << '\n';
  table.print(out);
}

void show_rules(std::ostream& out, const Reading& before, const Reading& after, double seconds) {
  std::map<std::string, uint64_t> old;
  for (const v1::RuleStats& rule : before.stats.rules()) old[rule.rule()] = rule.hits();
  std::vector<std::pair<double, std::string>> busiest;
  for (const v1::RuleStats& rule : after.stats.rules()) {
    const double hits = rate(old[rule.rule()], rule.hits(), seconds);
    if (hits > 0) busiest.emplace_back(hits, rule.rule());
  }
  if (busiest.empty()) return;
  std::sort(busiest.rbegin(), busiest.rend());
  busiest.resize(std::min<size_t>(busiest.size(), 10));
  Table table({"RULE", ">NEW/S"});
  for (const auto& [hits, rule] : busiest) table.row({rule, per_second(hits)});
  out << '\n';
  table.print(out);
}

void show(std::ostream& out, const Reading& before, const Reading& after) {
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  uint64_t packets = 0;
  uint64_t decided = 0;
  for (const v1::WorkerStats& worker : before.stats.workers()) {
    packets += worker.packets();
    decided += worker.decided();
  }
  uint64_t packets_now = 0;
  uint64_t decided_now = 0;
  for (const v1::WorkerStats& worker : after.stats.workers()) {
    packets_now += worker.packets();
    decided_now += worker.decided();
  }
  out << "node " << after.node << ": " << per_second(rate(packets, packets_now, seconds)) << " packets/s, "
      << per_second(rate(decided, decided_now, seconds)) << " new flows/s, "
      << per_second(rate(before.stats.drops(), after.stats.drops(), seconds)) << " drops/s; generation "
      << after.stats.applied_generation() << ", epoch " << after.stats.epoch() << "\n\n";
  show_ports(out, before, after, seconds);
  show_drops(out, before, after, seconds);
  show_rules(out, before, after, seconds);
}

void top(Context& context, const Options& options) {
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  auto before = read(*all);
  while (before.ok()) {
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval));
    auto after = read(*all);
    if (!after.ok()) return context.fail(after.status());
    if (context.terminal && !options.once) context.out << "\x1b[H\x1b[2J";
    for (size_t i = 0; i < after->size(); ++i) {
      if (i > 0) context.out << '\n';
      show(context.out, (*before)[i], (*after)[i]);
    }
    context.out << std::flush;
    if (options.once || !context.out) return;
    before = std::move(after);
  }
  context.fail(before.status());
}

}  // namespace

void add_top_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("top",
                         "Watch rates by port, drop reason and rule until Ctrl-C.\n"
                         "Example: outrigger top --interval 2   (in a script: outrigger top --once)");
  command->add_flag("--once", options->once, "one reading over one interval, then end");
  command->add_option("--interval", options->interval, "seconds between readings")
      ->check(NumberBetween(0.1, 3600.0))
      ->type_name("SECONDS");
  add_target_options(*command, context);
  command->callback([&context, options] { top(context, *options); });
}

}  // namespace outrigger::cli
