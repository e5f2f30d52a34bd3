#include "scenario/work.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/names.h"

namespace outrigger::scenario {
namespace {

constexpr char kBulkRate[] = "100M";  // bit/s

std::string netns_of(const std::string& lab, const std::string& endpoint) {
  return lab::endpoint_netns(lab, endpoint);
}

Program redis(const std::string& lab) {
  return {.name = "redis-server",
          .netns = netns_of(lab, "app/server"),
          .argv = {"redis-server", "--port", "6379", "--bind", "0.0.0.0", "--save", "", "--appendonly", "no",
                   "--protected-mode", "no", "--daemonize", "no"},
          .side = lab::Side::kHost};
}

// One worker, no log, everything it writes in the run's own folder; a page of 1 KiB.
absl::StatusOr<Program> nginx(const std::string& lab, const std::string& endpoint, uint16_t port,
                              const std::string& folder) {
  const std::string place = absl::StrCat(folder, "/nginx-", port);
  std::error_code error;
  std::filesystem::create_directories(place, error);
  std::ofstream out(place + "/nginx.conf", std::ios::trunc);
  out << "daemon off;\nworker_processes 1;\nerror_log stderr error;\npid " << place
      << "/pid;\nevents { worker_connections 4096; }\nhttp {\n  access_log off;\n";
  for (const char* what : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    out << "  " << what << "_temp_path " << place << "/" << what << ";\n";
  out << "  server {\n    listen 0.0.0.0:" << port
      << " backlog=4096;\n    location / { default_type text/plain; return 200 \"" << std::string(1024, 'x')
      << "\"; }\n  }\n}\n";
  out.close();
  if (error || !out) return absl::InternalError(absl::StrCat("cannot write ", place));
  return Program{.name = absl::StrCat("nginx-", port),
                 .netns = netns_of(lab, endpoint),
                 .argv = {"nginx", "-p", place, "-c", place + "/nginx.conf"},
                 .side = lab::Side::kHost};
}

absl::Status start_nginx(Programs& programs, const std::string& lab, const std::string& endpoint,
                         uint16_t port, const std::string& folder) {
  const absl::StatusOr<Program> program = nginx(lab, endpoint, port, folder);
  return program.ok() ? programs.start(*program) : program.status();
}

Program bulk_server(const std::string& lab) {
  return {.name = "iperf3-server",
          .netns = netns_of(lab, "app/bulk"),
          .argv = {"iperf3", "-s", "-p", absl::StrCat(kBulkPort)},
          .side = lab::Side::kHost};
}

// Tries again while its server still has the last one's.
Program bulk_client(const std::string& lab, const World& world) {
  const std::string script =
      absl::StrFormat("while :; do iperf3 -c %s -p %u -b %s -t 86400 >/dev/null; sleep 0.2; done",
                      guest(world, "app/bulk").address, kBulkPort, kBulkRate);
  return {.name = "iperf3-client",
          .netns = netns_of(lab, "clients/source"),
          .argv = {"sh", "-c", script},
          .side = lab::Side::kDpu};
}

}  // namespace

std::vector<std::string> programs_needed(Kind kind) {
  std::vector<std::string> all = {"nsenter", "setpriv", "nft", "softflowd", "ethtool", "ping"};
  const bool redis = kind == Kind::kTailLatency || kind == Kind::kMultiTenant;
  if (redis) all.emplace_back("redis-server");
  if (kind != Kind::kTailLatency) all.emplace_back("nginx");
  if (kind == Kind::kInferenceEdge) all.emplace_back("iperf3");
  return all;
}

absl::Status start_application(Programs& programs, const Description& what, const std::string& lab,
                               const World& /*world*/, const std::string& folder) {
  absl::Status status = what.protocol == "redis"
                            ? programs.start(redis(lab))
                            : start_nginx(programs, lab, "app/server", what.port, folder);
  if (status.ok() && what.kind == Kind::kInferenceEdge) status = programs.start(bulk_server(lab));
  if (status.ok() && what.kind == Kind::kMultiTenant)
    status = start_nginx(programs, lab, "noisy/guest", kStormPort, folder);
  return status;
}

absl::StatusOr<std::unique_ptr<Load>> Load::begin(const Description& what, const std::string& lab,
                                                  const World& world, const std::string& folder) {
  std::unique_ptr<Load> load(new Load(folder));
  if (what.kind == Kind::kInferenceEdge) {
    if (absl::Status status = load->programs_.start(bulk_client(lab, world)); !status.ok()) return status;
  }
  if (what.kind == Kind::kMultiTenant) {
    auto storm =
        Storm::begin(netns_of(lab, "strangers/storm"), guest(world, "noisy/guest").address, StormShape{});
    if (!storm.ok()) return storm.status();
    load->storm_ = *std::move(storm);
  }
  return load;
}

std::string load_in_words(Kind kind) {
  const StormShape storm;
  if (kind == Kind::kInferenceEdge)
    return absl::StrCat("beside it iperf3 sends ", kBulkRate, "bit/s over TCP to another guest of the host");
  if (kind == Kind::kMultiTenant) {
    return absl::StrFormat(
        "beside it another tenant's guest on the host gets, in bursts of %.1f s with %.1f s between them, "
        "%.0f "
        "datagrams/s that its policy denies and %.0f connections/s that it allows",
        storm.burst_s, storm.pause_s, storm.datagrams_per_second, storm.connections_per_second);
  }
  return "";
}

}  // namespace outrigger::scenario
