#include "engined/engined.h"

#include <linux/capability.h>
#include <sched.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "engine/attachment.h"
#include "engine/engine.h"
#include "engine/engine_server.h"
#include "engine/node_memory.h"
#include "engined/options.h"
#include "engined/remote_ports.h"

namespace outrigger::engined {

namespace {

std::vector<unsigned> usable_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  (void)::sched_getaffinity(0, sizeof cpus, &cpus);
  std::vector<unsigned> out;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) out.push_back(cpu);
  }
  return out;
}

// Worker by worker: its lcore, on its CPU when one is named.
std::string lcores(const engine::v1::AttachReply& place) {
  const std::string anywhere = absl::StrCat("(", absl::StrJoin(usable_cpus(), ","), ")");
  std::string out = absl::StrCat(engine::lcore_of(place.slot(), 0) - 1, "@", anywhere);
  for (unsigned worker = 0; worker < place.workers(); ++worker) {
    const bool pinned = worker < static_cast<unsigned>(place.worker_cpus_size());
    absl::StrAppend(&out, ",", engine::lcore_of(place.slot(), worker), "@",
                    pinned ? absl::StrCat(place.worker_cpus(static_cast<int>(worker))) : anywhere);
  }
  return out;
}

std::vector<std::string> eal_arguments(const engine::v1::AttachReply& place) {
  std::vector<std::string> args = {"outrigger-engine",
                                   "--proc-type=secondary",
                                   "--no-telemetry",
                                   absl::StrCat("--file-prefix=", place.file_prefix()),
                                   absl::StrCat("--huge-dir=", place.huge_folder()),
                                   absl::StrCat("--lcores=", lcores(place)),
                                   absl::StrCat("--main-lcore=", engine::lcore_of(place.slot(), 0) - 1),
                                   "--log-level=lib.eal:warning"};
  const bool pci = std::any_of(place.eal().begin(), place.eal().end(), [](const std::string& one) {
    return one == "-a" || one.starts_with("--allow");
  });
  if (!pci) args.emplace_back("--no-pci");
  args.insert(args.end(), place.eal().begin(), place.eal().end());
  return args;
}

SandboxReport restrict(const Options& options, const engine::v1::AttachReply& place) {
  if (!options.sandbox) return {{}, {"everything: --no-sandbox"}};
  return enter_sandbox(
      {.uid = options.uid,
       .gid = options.uid,
       .capabilities = {CAP_SYS_NICE},  // for its workers' rank
       .readable = {"/sys", "/proc", "/usr", "/lib", "/lib64", "/etc", "/dev"},
       .writable = {absl::StrCat(place.runtime_folder(), "/dpdk"), place.huge_folder(), "/dev/null"}});
}

absl::Status serve(const Options& options, const Version& version, const Descriptor& stop) {
  auto socket = connect_to(options.folder + "/ports.sock", SocketKind::kDatagrams);
  if (!socket.ok()) return socket.status();
  auto ports = std::make_unique<RemotePorts>(*std::move(socket));
  engine::v1::AttachCall call;
  call.set_version(version.name);
  call.set_instance(options.instance);
  call.set_memory_layout(engine::kNodeMemoryLayout);
  call.set_session_layout(version.session_layout);
  auto place = ports->attach_process(call);
  if (!place.ok()) return place.status();
  auto listener =
      listen_at(absl::StrCat(options.folder, "/", options.instance, ".sock"), SocketKind::kStream);
  if (!listener.ok()) return listener.status();
  auto rank = std::make_unique<ProcessRank>();
  (void)::setenv("RUNTIME_DIRECTORY", place->reply.runtime_folder().c_str(), 1);
  SandboxReport sandbox = restrict(options, place->reply);
  for (const std::string& one : sandbox.not_enforced) spdlog::warn("not enforced: {}", one);
  engine::Attachment attachment{.slot = place->reply.slot(),
                                .memory_fd = place->memory.release(),
                                .ports = std::move(ports),
                                .pool = place->reply.pool(),
                                .eal = eal_arguments(place->reply),
                                .version = version.name,
                                .rank = std::move(rank)};
  auto engine = engine::Engine::attach({}, version.builder(), std::move(attachment));
  if (!engine.ok()) return engine.status();
  std::vector<uid_t> allowed;
  if (options.agent_uid) allowed.push_back(*options.agent_uid);
  engine::EngineServer server(
      **engine,
      {version.name, place->reply.slot(), std::move(sandbox.enforced), std::move(sandbox.not_enforced)},
      *std::move(listener), std::move(allowed));
  take_rank(Rank::kOrdinary);
  spdlog::info("engine {} stands by in slot {}", version.name, place->reply.slot());
  server.serve(stop.get());
  take_rank(Rank::kLast);
  return absl::OkStatus();
}

void describe(const Version& version) {
  std::cout << "{\"version\": \"" << version.name << "\", \"session_layout\": " << version.session_layout
            << ", \"memory_layout\": " << engine::kNodeMemoryLayout << ", \"drop_count\": " << kDropCount
            << "}\n";
}

}  // namespace

int run(int argc, char** argv, const Version& version) {
  const auto options = parse_options(argc, argv);
  if (!options.ok()) {
    std::cerr << "outrigger-engine: " << options.status().message() << "\n";
    return 2;
  }
  if (!*options) return 0;
  if ((*options)->version) return std::cout << version.name << "\n", 0;
  if ((*options)->describe) return describe(version), 0;
  spdlog::set_default_logger(spdlog::stderr_color_mt("outrigger-engine"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  if (version.at_start) version.at_start();
  const Descriptor stop = block_signals();
  allow_descriptors();
  take_rank(Rank::kLast);  // nothing waits for it until it stands by
  const absl::Status status = serve(**options, version, stop);
  if (status.ok()) return 0;
  spdlog::error("engine {}: {}", version.name, std::string(status.message()));
  return 1;
}

}  // namespace outrigger::engined
