// outrigger-ports: owns a node's ports, packet buffers and sessions, so that engines may come and go.
#include <linux/capability.h>
#include <rte_eal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "ports/environment.h"
#include "ports/huge_pages.h"
#include "ports/machine.h"
#include "ports/options.h"
#include "ports/pool.h"
#include "ports/server.h"

namespace outrigger::ports {

namespace {

// Sessions and counters, about: when it turns out to be too little, ordinary pages are taken.
uint64_t node_memory_mib(const engine::WorkerSizes& sizes) {
  const uint64_t each = uint64_t{sizes.sessions} * 160 + uint64_t{sizes.rules} * 8 + (uint64_t{4} << 20);
  return (each * sizes.workers >> 20) + 4;
}

SandboxReport restrict(const Options& options) {
  if (!options.sandbox) return {{}, {"everything: --no-sandbox"}};
  SandboxSpec spec{.capabilities = {CAP_NET_ADMIN, CAP_KILL, CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE,
                                    CAP_IPC_LOCK, CAP_SYS_NICE},
                   .readable = {"/"},
                   .writable = {options.folder, "/dev", "/proc/sys/vm"},
                   .network_sockets = true};  // for the ioctls of interfaces
  if (names_pci_device(options.eal)) {
    spec.capabilities.insert(spec.capabilities.end(), {CAP_SYS_ADMIN, CAP_SYS_RAWIO});
    spec.writable.emplace_back("/sys");
  }
  return enter_sandbox(spec);
}

absl::Status serve(const Options& options, const Descriptor& stop, Surroundings surroundings) {
  auto pool = make_pool(options.buffers);
  if (!pool.ok()) return pool.status();
  Events events;
  Roster roster;
  Devices devices(options.sizes.workers, *pool, events);
  if (absl::Status status = devices.prepare(); !status.ok()) return status;
  Takeover takeover(roster, events, [&devices] { return devices.repair(); });
  Watch watch(roster, takeover, events, options.limits);
  Machine machine(options, std::move(surroundings), devices, roster, takeover, watch, events);
  Desk desk(machine);
  auto listener = listen_at(options.folder + "/ports.sock", SocketKind::kDatagrams, options.engine_uid);
  if (!listener.ok()) return listener.status();
  take_rank(Rank::kFirst);  // what is noticed and answered here is short, and somebody's traffic waits for it
  watch.start();
  spdlog::info("ports: {} worker(s), {} buffers, {} sessions each; {}/ports.sock", options.sizes.workers,
               options.buffers, options.sizes.sessions, options.folder);
  Server(*std::move(listener), desk, events, options).serve(stop.get());
  watch.stop();
  (void)::unlink((options.folder + "/ports.sock").c_str());
  return absl::OkStatus();
}

absl::Status run(const Options& options) {
  const Descriptor stop = block_signals();
  allow_descriptors();
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (auto other = connect_to(options.folder + "/ports.sock", SocketKind::kDatagrams); other.ok())
    return absl::AlreadyExistsError(absl::StrCat(options.folder, " is another ports process's"));
  HugePages pages(options.folder, options.engine_uid);
  absl::Status status =
      pages.prepare(options.memory_mib + node_memory_mib(options.sizes), options.reserve_huge_pages);
  if (!status.ok()) return status;
  SandboxReport sandbox = restrict(options);
  for (const std::string& one : sandbox.not_enforced) spdlog::warn("not enforced: {}", one);
  Surroundings surroundings{absl::StrCat("outrigger", ::getpid()), pages.mount_point(),
                            std::move(sandbox.enforced), std::move(sandbox.not_enforced)};
  status = start_environment(
      {options.folder, pages.mount_point(), surroundings.prefix, options.memory_mib, options.eal});
  if (status.ok()) status = pages.share(surroundings.prefix);
  if (status.ok()) status = serve(options, stop, std::move(surroundings));
  (void)rte_eal_cleanup();
  return status;
}

}  // namespace

}  // namespace outrigger::ports

int main(int argc, char** argv) {
  using namespace outrigger::ports;
  const auto options = parse_options(argc, argv);
  if (!options.ok()) {
    std::cerr << "outrigger-ports: " << options.status().message() << "\n";
    return 2;
  }
  if (!*options) return 0;
  spdlog::set_default_logger(spdlog::stderr_color_mt("outrigger-ports"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  const absl::Status status = run(**options);
  if (status.ok()) return 0;
  spdlog::error("{}", std::string(status.message()));
  return 1;
}
