#include "ports/options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::ports {

namespace {

struct Raw {
  unsigned stall_ms = 10, starve_ms = 200, agent_uid = 0;
  std::string huge_pages = "on";
  std::vector<std::string> eal;
};

void declare(CLI::App& app, Options& out, Raw& raw) {
  app.set_version_flag("--version", "outrigger-ports " OUTRIGGER_PORTS_VERSION);
  app.add_option("--runtime,--folder", out.folder, "folder for sockets and DPDK's files")->required();
  app.add_option("--workers", out.sizes.workers, "workers of each engine")
      ->check(CLI::Range(1u, engine::kMaxWorkers));
  app.add_option("--worker-cpus,--cpus", out.worker_cpus, "CPUs to pin them to, one a worker")
      ->delimiter(',');
  app.add_option("--sessions", out.sizes.sessions, "sessions of each worker");
  app.add_option("--rules", out.sizes.rules, "rule counters");
  app.add_option("--buffers", out.buffers, "packet buffers")->check(CLI::Range(1024u, 1u << 22));
  app.add_option("--memory", out.memory_mib, "MiB of huge pages for packet buffers")
      ->check(CLI::Range(32u, 1u << 20));
  app.add_option("--eal", raw.eal, "further arguments of DPDK's, as \"-a 0000:03:00.0\"");
  app.add_option("--stall-ms", raw.stall_ms, "a worker that runs without a beat for so long hangs")
      ->check(CLI::Range(2u, 10000u));
  app.add_option("--starve-ms", raw.starve_ms, "as does one that gets no CPU for so long")
      ->check(CLI::Range(2u, 100000u));
  app.add_option("--engine-uid", out.engine_uid, "user and group that engines run as");
  app.add_option("--agent-uid", raw.agent_uid, "user that may command, beside root");
  app.add_option("--huge-pages", raw.huge_pages, "on: engines in processes of their own need them")
      ->check(CLI::IsMember({"on", "off"}));
  app.add_flag("--reserve-huge-pages", out.reserve_huge_pages,
               "reserve what is missing, give it back at the end");
  app.add_flag("!--no-sandbox", out.sandbox, "keep every right (for debugging)");
}

absl::Status complete(Options& out, const Raw& raw) {
  if (raw.huge_pages == "off") {
    return absl::InvalidArgumentError(
        "processes share packet buffers in huge pages: give --huge-pages on, or run the agent in solo mode");
  }
  if (!out.worker_cpus.empty() && out.worker_cpus.size() != out.sizes.workers) {
    return absl::InvalidArgumentError(
        absl::StrCat(out.worker_cpus.size(), " CPUs for ", out.sizes.workers, " workers: name one each"));
  }
  if (raw.starve_ms < raw.stall_ms) return absl::InvalidArgumentError("--starve-ms is at least --stall-ms");
  out.limits = {std::chrono::milliseconds(raw.stall_ms), std::chrono::milliseconds(raw.starve_ms)};
  if (raw.agent_uid != 0) out.agent_uid = raw.agent_uid;
  for (const std::string& text : raw.eal) {
    for (const auto word : absl::StrSplit(text, ' ', absl::SkipEmpty())) out.eal.emplace_back(word);
  }
  std::error_code error;
  out.folder = std::filesystem::absolute(out.folder, error).lexically_normal().string();
  while (out.folder.size() > 1 && out.folder.back() == '/') out.folder.pop_back();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Options>> parse_options(int argc, char** argv) {
  Options out;
  Raw raw;
  CLI::App app(
      "Owns the ports, packet buffers and sessions of a node; engines attach to it.  Forwards nothing.");
  declare(app, out, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return absl::InvalidArgumentError(error.what());
    (void)app.exit(error);
    return std::optional<Options>();
  }
  if (absl::Status status = complete(out, raw); !status.ok()) return status;
  return std::optional(std::move(out));
}

}  // namespace outrigger::ports
