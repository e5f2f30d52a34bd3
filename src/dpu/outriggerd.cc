#include <grpcpp/impl/codegen/service_type.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <csignal>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "dpu/api.h"
#include "dpu/logged_events.h"
#include "dpu/options.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/service_manager.h"
#include "dpu/split_mode.h"
#include "dpu/state_lock.h"
#include "services/services.h"

namespace outrigger::agent {

namespace {

constexpr timespec kTurn = {.tv_sec = 1, .tv_nsec = 0};  // of the main thread
constexpr unsigned kRetryEvery = 5;                      // turns; of a stored state that is not in force
constexpr unsigned kRetryRefused = 30;                   // turns; of an endpoint left out
constexpr const char* kEngineServices[] = {"vswitch", "policy", "overlay"};  // the engine's version is theirs

void set_up_log(const Options& options) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("outriggerd"));
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
}

// Signals are waited for, not handled: every thread started later inherits the block.
sigset_t block_signals() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ending;
}

void say_what_solo_lacks(const Options& options, const engine::EngineOptions& engine) {
  spdlog::info("node {}: {} worker(s), {} sessions each, {} MiB", options.node, engine.workers,
               engine.sessions_per_worker, engine.memory_mib);
  spdlog::warn(
      "solo mode: ports, sessions and API live and die with this process; no standby engine, no hot upgrade");
  if (!engine.huge_pages) {
    spdlog::warn(
        "no huge pages: tables above the L2 cache are slow; {} MiB of 2 MiB pages would do (echo {} > "
        "/proc/sys/vm/nr_hugepages)",
        engine.memory_mib, engine.memory_mib / 2 + 64);
  }
}

absl::Status put_in_force(DesiredState& state) {
  const bool before = state.now()->in_force;
  const absl::Status status = state.reconcile();
  const auto now = state.now();
  if (!status.ok()) {
    spdlog::error("generation {} cannot be put in force: {}", now->generation.value(), status.ToString());
  } else if (!before && now->in_force) {
    spdlog::info("generation {} in force as epoch {}, {} objects", now->generation.value(),
                 now->epoch.value(), now->objects.size());
  }
  if (!now->node_known)
    spdlog::info("no Node \"{}\" in the desired state yet: waiting for one", state.node());
  return status;
}

// The watchdog is fed only while the desired state and the engine's thread answer.
void wait_for_the_end(const sigset_t& ending, DesiredState& state, EngineThread& engine) {
  int signal = -1;
  for (unsigned turn = 1; (signal = sigtimedwait(&ending, nullptr, &kTurn)) < 0; ++turn) {
    const auto now = state.now();
    const bool retry =
        !now->in_force ? turn % kRetryEvery == 0 : !now->refused.empty() && turn % kRetryRefused == 0;
    if (retry && now->generation.value() > 0) (void)put_in_force(state);
    engine.call([](engine::Engine&) {});
    service_manager::alive();
  }
  service_manager::stopping();
  spdlog::info("{}: ending", signal == SIGTERM ? "SIGTERM" : "SIGINT");
}

// What carries packets: an engine of our own, or those in other processes.
struct Engines {
  std::unique_ptr<EngineThread> thread;
  std::unique_ptr<Supervisor> supervisor;
};

absl::StatusOr<Engines> start_solo(const Options& options) {
  const engine::EngineOptions wanted = engine_options(options, free_huge_pages_mib());
  say_what_solo_lacks(options, wanted);
  auto started =
      EngineThread::start([&wanted] { return engine::Engine::start(wanted, services::make_builder()); });
  if (!started.ok()) return started.status();
  auto supervisor = std::make_unique<SoloSupervisor>(**started);
  return Engines{*std::move(started), std::move(supervisor)};
}

absl::StatusOr<Engines> start_engines(const Options& options, const SplitNeeds& needs) {
  const absl::StatusOr<ModeChoice> choice = choose_mode(options);
  if (!choice.ok()) return choice.status();
  if (!choice->split) {
    spdlog::info("solo mode: {}", choice->why);
    return start_solo(options);
  }
  spdlog::info("split mode: ports and engines outlive this process{}{}", choice->why.empty() ? "" : "; ",
               choice->why);
  absl::StatusOr<SplitParts> parts = start_split(options, needs);
  if (!parts.ok()) return parts.status();
  return Engines{std::move(parts->engine), std::move(parts->supervisor)};
}

RolloutMemory memory_in(Store& notes, std::mutex& lock) {
  return {[&](const std::string& topic, const std::string& name, const std::string& text) {
            const std::lock_guard held(lock);
            return notes.put_note(topic, name, text);
          },
          [&](const std::string& topic) {
            const std::lock_guard held(lock);
            return notes.notes(topic);
          }};
}

absl::Status serve(const Options& options, const sigset_t& ending) {
  const absl::StatusOr<StateLock> lock = StateLock::take(options.state);
  if (!lock.ok()) return lock.status();
  const std::string database = absl::StrCat(options.state, "/state.db");
  absl::StatusOr<Store> store = Store::open(database);
  if (!store.ok()) return store.status();
  absl::StatusOr<Store> notes = Store::open(database);  // a connection of its own: an apply holds the other
  if (!notes.ok()) return notes.status();
  std::mutex notes_lock;
  LoggedEvents events;

  Engines engines;
  const auto publish = [&engines](const std::string& update) {
    return engines.thread->call([&update](engine::Engine& e) { return e.apply(update); });
  };
  auto state = DesiredState::load(*std::move(store), options.node,
                                  {options.uplink_device, options.endpoint_device}, publish);
  if (!state.ok()) return state.status();
  auto started = start_engines(options, {&events, state->get(), &*notes, &notes_lock});
  if (!started.ok()) return started.status();
  engines = *std::move(started);
  // Engines' clock began with the memory they share, which may be long before us.
  auto since = std::chrono::steady_clock::now();
  if (engines.supervisor->split())
    since -= absl::ToChronoMilliseconds(absl::Now() - engines.supervisor->ports().started_at);

  (void)put_in_force(**state);
  Rollouts rollouts(memory_in(*notes, notes_lock), nullptr, &events);
  for (const char* service : kEngineServices) rollouts.offer(service, changer_of(*engines.supervisor));
  if (absl::Status status = rollouts.recover(); !status.ok()) return status;

  const auto ask = [&engines](std::span<const uint8_t> frame, PortId port, TunnelId tunnel) {
    return engines.thread->call([&](engine::Engine& e) { return e.explain(frame, port, tunnel); });
  };
  Explainer explainer(options.node, ask, services::make_builder);
  const auto engines_service = make_engines_service(*engines.supervisor, **state, {});
  const auto rollouts_service = make_rollouts_service(rollouts);
  Agent agent{*engines.thread, **state, explainer, since, {engines_service.get(), rollouts_service.get()}};
  agent.listen = {options.listen, {options.certificate, options.key, options.authority}};
  agent.events = &events;
  if (options.reflection) secure::offer_reflection();
  const auto server = Server::listen(agent, options.socket);
  if (!server.ok()) return server.status();
  spdlog::info("listening on {}{}{}", options.socket, options.listen.empty() ? "" : " and ", options.listen);
  service_manager::ready();
  wait_for_the_end(ending, **state, *engines.thread);
  return absl::OkStatus();
}

}  // namespace

}  // namespace outrigger::agent

int main(int argc, char** argv) {
  using namespace outrigger::agent;
  int code = 0;
  const auto options = parse_options(argc, argv, std::cout, std::cerr, &code);
  if (!options) return code;
  set_up_log(*options);
  umask(0077);  // what it is told is its owner's alone
  const sigset_t ending = block_signals();
  if (const absl::Status status = serve(*options, ending); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 1;
  }
  return 0;
}
