// The engine under bench/run: starts it on two generator ports with one worker, gives it a topology and a
// policy, and does what standard input says until it ends:
//   update COUNT BATCH   applies COUNT rule changes in batches of BATCH, prints "updates SECONDS"
//   figures              prints one JSON line: sessions, memory, drops, workers
// Every figure of speed is read from the generator, outside this program.
#include <sched.h>

#include <chrono>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "bench/scenario.h"
#include "engine/engine.h"
#include "nlohmann/json.hpp"
#include "services/services.h"

namespace outrigger::bench {
namespace {

nlohmann::json to_json(const engine::Figures& figures) {
  nlohmann::json out;
  for (const Capacity& one : figures.capacity) {
    out["capacity"].push_back({{"name", one.name},
                               {"size", one.size},
                               {"used", one.used},
                               {"bytes", one.bytes},
                               {"refused", one.refused}});
  }
  for (size_t i = 0; i < figures.drops.size(); ++i) {
    if (figures.drops[i] != 0) out["drops"][std::string(info(static_cast<Drop>(i)).name)] = figures.drops[i];
  }
  for (const engine::WorkerFigures& worker : figures.workers) {
    out["workers"].push_back({{"packets", worker.packets},
                              {"decided", worker.decided},
                              {"redecided", worker.redecided},
                              {"kept", worker.kept},
                              {"handed_over", worker.handed_over}});
  }
  return out;
}

// EAL has put the control thread on the first worker's core, which a change of rules would then stop.
bool move_control_thread(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  return sched_setaffinity(0, sizeof cpus, &cpus) == 0;
}

double apply_updates(engine::Engine& engine, Scenario& scenario, unsigned count, unsigned batch) {
  const auto start = std::chrono::steady_clock::now();
  for (unsigned done = 0; done < count; done += batch) {
    if (auto epoch = engine.apply(scenario.next_change(batch)); !epoch.ok()) {
      std::cerr << epoch.status() << "\n";
      return 0;
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void serve(engine::Engine& engine, Scenario& scenario) {
  std::string word;
  while (std::cin >> word) {
    if (word == "update") {
      unsigned count = 0, batch = 1;
      std::cin >> count >> batch;
      std::cout << "updates " << apply_updates(engine, scenario, count, batch) << std::endl;
    } else if (word == "figures") {
      std::cout << to_json(engine.figures()).dump() << std::endl;
    }
    engine.tend();
  }
}

int run(int argc, char** argv) {
  CLI::App app{"the engine as bench/run measures it"};
  engine::EngineOptions options{
      .sessions_per_worker = 1u << 20, .buffers = 8191, .huge_pages = true, .memory_mib = 256};
  options.always_poll = true;
  ScenarioSpec spec;
  std::string plugin;
  int control_cpu = 1;
  app.add_option("--plugin", plugin, "the generator, librte_net_flowgen.so")->required();
  app.add_option("--inside", spec.inside, "generator arguments of port 1, the tenant's");
  app.add_option("--outside", spec.outside, "generator arguments of port 2, or of the uplink");
  app.add_option("--rules", spec.rules, "policy rules; 0: no policy");
  app.add_flag("--overlay", spec.overlay, "port 2 is the uplink, the other side behind VXLAN");
  app.add_option("--sessions", options.sessions_per_worker, "entries of one worker's table");
  app.add_option("--workers", options.workers);
  app.add_option("--cpus", options.worker_cpus, "one a worker");
  app.add_option("--control-cpu", control_cpu, "where changes are worked out");
  app.add_option("--buffers", options.buffers);
  app.add_flag("!--no-huge", options.huge_pages);
  app.add_flag("!--sleep", options.always_poll, "sleep when idle, as in production");
  CLI11_PARSE(app, argc, argv);
  options.rules = spec.rules + 65536;
  options.eal = {"-d", plugin};
  auto engine = engine::Engine::start(options, services::make_builder());
  if (!engine.ok()) {
    std::cerr << engine.status() << "\n";
    return 1;
  }
  if (!move_control_thread(control_cpu)) {
    std::cerr << "--control-cpu " << control_cpu << ": no such CPU\n";
    return 1;
  }
  Scenario scenario(spec);
  if (auto epoch = (*engine)->apply(scenario.initial()); !epoch.ok()) {
    std::cerr << epoch.status() << "\n";
    return 1;
  }
  std::cout << "ready" << std::endl;
  serve(**engine, scenario);
  std::cout << to_json((*engine)->figures()).dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace outrigger::bench

int main(int argc, char** argv) { return outrigger::bench::run(argc, argv); }
