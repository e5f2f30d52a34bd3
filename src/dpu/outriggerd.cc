#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "base/program.h"
#include "dpu/node.h"
#include "dpu/options.h"
#include "dpu/service_manager.h"

namespace outrigger::agent {

namespace {

constexpr int kTurnMs = 250;

void set_up_log(const Options& options) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("outriggerd"));
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
}

// The watchdog is fed only while the desired state and the engine's thread answer.
absl::Status serve(const Options& options, const Descriptor& ending) {
  const auto node = Node::start(options);
  if (!node.ok()) return node.status();
  service_manager::ready();
  pollfd ended{ending.get(), POLLIN, 0};
  while (::poll(&ended, 1, kTurnMs) <= 0) {
    (*node)->turn();
    service_manager::alive();
  }
  service_manager::stopping();
  signalfd_siginfo signal{};
  (void)::read(ending.get(), &signal, sizeof signal);
  spdlog::info("{}: ending", signal.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
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
  const outrigger::Descriptor ending = outrigger::block_signals();
  if (const absl::Status status = serve(*options, ending); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 1;
  }
  return 0;
}
