#include "dpu/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <fstream>
#include <map>
#include <ostream>

#include "dpu/api.h"

namespace outrigger::agent {

namespace {

constexpr unsigned kOwnMib = 64;            // DPDK's own, rings and drivers
constexpr uint64_t kBytesPerBuffer = 2560;  // mbuf, headroom and 2 KiB of data
constexpr uint64_t kBytesPerSession = 160;  // entry, index and slack

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

void add_engine_options(CLI::App& app, Options& options) {
  app.add_option("--uplink-device", options.uplink_device,
                 "DPDK device of the uplink, for a Node that names none");
  app.add_option("--endpoint-device", options.endpoint_device,
                 "DPDK device of an endpoint that names none; %u is its port");
  app.add_option("--workers", options.workers, "worker threads")->check(CLI::Range(1, 64));
  app.add_option("--cpus", options.worker_cpus, "CPUs to pin them to, one for each")->delimiter(',');
  app.add_option("--sessions", options.sessions, "sessions a worker can hold")
      ->check(CLI::Range(64, 1 << 28));
  app.add_option("--buffers", options.buffers, "packet buffers")->check(CLI::Range(512, 1 << 24));
  app.add_option("--rules", options.rules, "policy rules that can be counted")
      ->check(CLI::Range(64, 1 << 26));
  app.add_option("--memory", options.memory_mib, "MiB for DPDK; what buffers need when left out");
  const std::map<std::string, HugePages> choices = {
      {"auto", HugePages::kAuto}, {"on", HugePages::kOn}, {"off", HugePages::kOff}};
  app.add_option("--huge-pages", options.huge_pages, "auto, on or off; auto: when enough are free")
      ->default_str("auto")
      ->transform(CLI::CheckedTransformer(choices));
  app.add_option("--eal", options.eal, "further DPDK EAL arguments, in one text");
}

void add_process_options(CLI::App& app, Options& options) {
  const std::map<std::string, Mode> modes = {
      {"auto", Mode::kAuto}, {"split", Mode::kSplit}, {"solo", Mode::kSolo}};
  app.add_option("--mode", options.mode,
                 "split: ports and engines in processes of their own; solo: all in this one; "
                 "auto: split when huge pages and the programs are there")
      ->default_str("auto")
      ->transform(CLI::CheckedTransformer(modes));
  app.add_option("--programs", options.programs,
                 "folder of outrigger-ports; beside this program when left out");
  app.add_option("--engines", options.engines,
                 "folder of <version>/outrigger-engine; /usr/lib/outrigger/engines when left out");
  app.add_option(
      "--engine-version", options.engine_version,
      "engine to begin with; our own version or the highest installed when left out; an upgrade's choice "
      "goes before");
  app.add_option("--runtime", options.runtime, "folder of the processes' sockets and logs; beside --socket");
  app.add_option("--control-cpus", options.control_cpus, "CPUs of ports' and engines' control threads")
      ->delimiter(',');
  app.add_option("--bar-failures", options.bar_failures, "failures of an engine version that bar it")
      ->check(CLI::Range(1, 1000));
  app.add_option("--bar-window", options.bar_window, "seconds within which they count")
      ->check(CLI::Range(1, 86400));
}

void add_network_options(CLI::App& app, Options& options) {
  auto* certificate = app.add_option("--cert", options.certificate,
                                     "certificate of role dpu (PEM, with its key), for --listen");
  app.add_option("--key", options.key, "its key, if in a file of its own");
  auto* authority = app.add_option("--ca", options.authority, "authority whose certificates are let in");
  app.add_option("--listen", options.listen, "ADDRESS:PORT of the API over mTLS; none when left out")
      ->needs(certificate)
      ->needs(authority);
  app.add_option("--host-link", options.host_link, "ADDRESS:PORT of the host link; none when left out")
      ->needs(certificate)
      ->needs(authority);
  app.add_option("--bundle-key", options.bundle_key,
                 "Ed25519 key (PEM) that signs the host's bundles; bundle.key in --state when left out");
  app.add_option("--metrics", options.metrics, "ADDRESS:PORT of /livez, /readyz and /metrics over HTTP");
  app.add_flag("--reflection", options.reflection, "tell callers which services there are");
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

unsigned memory_for(const Options& options) {
  return kOwnMib + static_cast<unsigned>(options.buffers * kBytesPerBuffer >> 20);
}

// Sessions are mapped beside DPDK's memory.
unsigned session_mib(const Options& options) {
  return 2 * options.workers +
         static_cast<unsigned>(uint64_t{options.workers} * options.sessions * kBytesPerSession >> 20);
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
                                     int* code) {
  Options options;
  options.node = host_name();
  CLI::App app(
      "outriggerd: the agent of one DPU.  Keeps the desired state, gives it to the packet engine, answers "
      "questions.\n"
      "Example: outriggerd --node host-a --state /var/lib/outrigger",
      "outriggerd");
  app.set_version_flag("--version", std::string("outriggerd ") + kVersion);
  app.option_defaults()->always_capture_default();
  app.add_option("--node", options.node, "name of the Node this is");
  app.add_option("--state", options.state, "folder of the desired state");
  app.add_option("--socket", options.socket, "Unix socket of the API");
  app.add_option("--log-level", options.log_level, "trace, debug, info, warning, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  add_engine_options(app, options);
  add_network_options(app, options);
  add_process_options(app, options);
  try {
    app.parse(argc, argv);
    if (!options.worker_cpus.empty() && options.worker_cpus.size() != options.workers) {
      throw CLI::ValidationError("--cpus", "must name one CPU for each of --workers");
    }
    return options;
  } catch (const CLI::Success& done) {
    *code = app.exit(done, out, err);
  } catch (const CLI::ParseError& wrong) {
    app.exit(wrong, out, err);
    *code = 2;
  }
  return std::nullopt;
}

engine::EngineOptions engine_options(const Options& options, uint64_t free_huge_mib) {
  engine::EngineOptions out;
  out.workers = options.workers;
  out.worker_cpus = options.worker_cpus;
  out.sessions_per_worker = options.sessions;
  out.buffers = options.buffers;
  out.rules = options.rules;
  out.memory_mib = options.memory_mib == 0 ? memory_for(options) : options.memory_mib;
  out.huge_pages =
      options.huge_pages == HugePages::kOn ||
      (options.huge_pages == HugePages::kAuto && free_huge_mib >= out.memory_mib + session_mib(options));
  out.eal = words(options.eal);
  return out;
}

unsigned huge_mib_wanted(const Options& options) {
  return (options.memory_mib == 0 ? memory_for(options) : options.memory_mib) + session_mib(options) +
         kOwnMib;
}

}  // namespace outrigger::agent
