#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <csignal>
#include <iostream>

#include "dpu/node.h"
#include "dpu/options.h"
#include "dpu/service_manager.h"

namespace outrigger::agent {

namespace {

constexpr timespec kTurn = {.tv_sec = 0, .tv_nsec = 250'000'000};

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

// The watchdog is fed only while the desired state and the engine's thread answer.
absl::Status serve(const Options& options, const sigset_t& ending) {
  const auto node = Node::start(options);
  if (!node.ok()) return node.status();
  service_manager::ready();
  int signal = -1;
  while ((signal = sigtimedwait(&ending, nullptr, &kTurn)) < 0) {
    (*node)->turn();
    service_manager::alive();
  }
  service_manager::stopping();
  spdlog::info("{}: ending", signal == SIGTERM ? "SIGTERM" : "SIGINT");
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
