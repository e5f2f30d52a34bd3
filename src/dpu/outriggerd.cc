#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <csignal>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "dpu/api.h"
#include "dpu/options.h"
#include "dpu/state_lock.h"
#include "services/services.h"

namespace outrigger::agent {

namespace {

constexpr timespec kRetryEvery = {.tv_sec = 5, .tv_nsec = 0};  // of a stored state that is not in force

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

void wait_for_the_end(const sigset_t& ending, DesiredState& state) {
  int signal = -1;
  while ((signal = sigtimedwait(&ending, nullptr, &kRetryEvery)) < 0) {
    const auto now = state.now();
    if (!now->in_force && now->generation.value() > 0) (void)put_in_force(state);
  }
  spdlog::info("{}: ending", signal == SIGTERM ? "SIGTERM" : "SIGINT");
}

absl::Status serve(const Options& options, const sigset_t& ending) {
  const absl::StatusOr<StateLock> lock = StateLock::take(options.state);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<Store> store = Store::open(absl::StrCat(options.state, "/state.db"));
  if (!store.ok()) return store.status();

  std::unique_ptr<EngineThread> engine;
  const auto publish = [&engine](const std::string& update) {
    return engine->call([&update](engine::Engine& e) { return e.apply(update); });
  };
  auto state = DesiredState::load(*std::move(store), options.node,
                                  {options.uplink_device, options.endpoint_device}, publish);
  if (!state.ok()) return state.status();

  const engine::EngineOptions wanted = engine_options(options, free_huge_pages_mib());
  say_what_solo_lacks(options, wanted);
  auto started =
      EngineThread::start([&wanted] { return engine::Engine::start(wanted, services::make_builder()); });
  if (!started.ok()) return started.status();
  engine = *std::move(started);
  const auto since = std::chrono::steady_clock::now();

  (void)put_in_force(**state);
  const auto ask = [&engine](std::span<const uint8_t> frame, PortId port, TunnelId tunnel) {
    return engine->call([&](engine::Engine& e) { return e.explain(frame, port, tunnel); });
  };
  Explainer explainer(options.node, ask, services::make_builder);
  Agent agent{*engine, **state, explainer, since};
  agent.listen = {options.listen, {options.certificate, options.key, options.authority}};
  if (options.reflection) secure::offer_reflection();
  const auto server = Server::listen(agent, options.socket);
  if (!server.ok()) return server.status();
  spdlog::info("listening on {}", options.socket);
  wait_for_the_end(ending, **state);
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
