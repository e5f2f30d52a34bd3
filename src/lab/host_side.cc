#include "lab/host_side.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/node_processes.h"
#include "lab/wiring.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

constexpr char kLinkDpu[] = "169.254.7.1";  // the same on every node: no two share a link
constexpr char kLinkHost[] = "169.254.7.2";
constexpr char kLinkPort[] = "7444";
constexpr char kSelf[] = "/proc/self/exe";  // `outrigger`, which has `pki`

const Settings kHostSettings = {{"ipv6/conf/default/accept_dad", "0"},
                                {"ipv6/conf/default/accept_ra", "0"},
                                {"ipv6/conf/default/router_solicitations", "0"}};

std::string pki_folder(const State& state) { return state.folder() + "/pki"; }
std::string folder_of(const State& state, const std::string& node) {
  return absl::StrCat(state.folder(), "/hosts/", node);
}

absl::Status make_wires(const State& state, const PlannedNode& node, const Plan& plan) {
  const std::string host = host_netns(state.lab(), node.name), fabric = fabric_netns(state.lab());
  if (!namespaces(host).empty()) return absl::OkStatus();
  if (absl::Status status = add_namespaces({host}); !status.ok()) return status;
  if (absl::Status status = write_settings(host, kHostSettings); !status.ok()) return status;
  const std::string device = host_uplink_name(node.name);
  const std::string lines =
      absl::StrCat("link add uplink type veth peer name ", device, " netns ", fabric,
                   "\nlink add dpu type veth peer name host netns ", node.netns, "\naddr add ", kLinkHost,
                   "/30 dev dpu\nlink set dpu up\n", host_setup(node, plan));
  if (absl::Status status = ip_batch(host, lines); !status.ok()) return status;
  const std::string port =
      absl::StrCat("link set ", device, " mtu ", node.mtu, " master fabric\nlink set ", device, " up\n");
  if (absl::Status status = ip_batch(fabric, port); !status.ok()) return status;
  return ip_batch(node.netns, absl::StrCat("addr add ", kLinkDpu, "/30 dev host\nlink set host up\n"));
}

// One authority for the lab; of every node a certificate for its DPU and one for its host.
absl::Status make_certificates(const State& state, const PlannedNode& node) {
  const std::string folder = pki_folder(state);
  const auto issue = [&](const std::string& role) {
    if (access(absl::StrCat(folder, "/", role, "-", node.name, ".pem").c_str(), F_OK) == 0)
      return absl::OkStatus();
    std::vector<std::string> argv = {kSelf,    "pki", "issue",  "--folder", folder,
                                     "--role", role,  "--name", node.name};
    if (role == "dpu") argv.insert(argv.end(), {"--address", kLinkDpu});  // only who is dialled has one
    return run(argv).status();
  };
  if (access((folder + "/ca.crt").c_str(), F_OK) != 0) {
    std::error_code error;
    fs::create_directories(folder, error);
    const absl::Status made =
        run({kSelf, "pki", "init", "--folder", folder, "--node", node.name, "--address", kLinkDpu}).status();
    if (!made.ok()) return made;
  }
  if (absl::Status status = issue("dpu"); !status.ok()) return status;
  return issue("host");
}

absl::Status write_endpoints(const State& state, const PlannedNode& node, const Plan& plan) {
  nlohmann::json all = nlohmann::json::array();
  for (const PlannedEndpoint& endpoint : plan.endpoints) {
    if (endpoint.node != node.name) continue;
    all.push_back({{"endpoint", endpoint.name},
                   {"netns", absl::StrCat("/run/netns/", endpoint.netns)},
                   {"device", "eth0"}});
  }
  const std::string file = folder_of(state, node.name) + "/endpoints.json", aside = file + ".new";
  std::ofstream out(aside, std::ios::trunc);
  out << all.dump(2) << "\n";
  out.close();
  std::error_code error;
  if (out) fs::rename(aside, file, error);
  return out && !error ? absl::OkStatus() : absl::InternalError(absl::StrCat("cannot write ", file));
}

std::string program_beside(const std::string& daemon) {
  const fs::path beside = fs::path(daemon).parent_path();
  for (const fs::path& folder : {beside, beside.parent_path() / "host"}) {
    if (access((folder / "outrigger-host").c_str(), X_OK) == 0) return folder / "outrigger-host";
  }
  return "outrigger-host";
}

absl::Status start_host(const State& state, const PlannedNode& node, const std::string& daemon) {
  const std::string netns = host_netns(state.lab(), node.name), folder = folder_of(state, node.name);
  for (const NodeProcess& one : node_processes(netns, folder)) {
    if (one.program == "outrigger-host") return absl::OkStatus();
  }
  const std::string pki = pki_folder(state), leaf = absl::StrCat(pki, "/host-", node.name, ".pem");
  const std::vector<std::string> argv = {"nsenter",
                                         absl::StrCat("--net=/run/netns/", netns),
                                         program_beside(daemon),
                                         "run",
                                         "--node",
                                         node.name,
                                         "--key",
                                         pki + "/bundle.pub",
                                         "--endpoints",
                                         folder + "/endpoints.json",
                                         "--state",
                                         folder + "/state",
                                         "--socket",
                                         folder + "/host.sock",
                                         "--netns-prefix",
                                         absl::StrCat(prefix(state.lab()), "fb.", node.name, "."),
                                         "--link",
                                         absl::StrCat(kLinkDpu, ":", kLinkPort),
                                         "--tls-ca",
                                         pki + "/ca.crt",
                                         "--tls-cert",
                                         leaf,
                                         "--tls-key",
                                         leaf};
  return start(argv, {}, folder + "/log", Side::kHost).status();
}

}  // namespace

HostSide host_side(const State& state, const PlannedNode& node) {
  const std::string pki = pki_folder(state);
  return {host_netns(state.lab(), node.name), absl::StrCat(kLinkDpu, ":", kLinkPort), pki,
          absl::StrCat(pki, "/host-", node.name, ".pem")};
}

absl::Status make_host_sides(const State& state, const Plan& plan) {
  for (const PlannedNode& node : plan.nodes) {
    if (node.fallback.empty()) continue;
    if (absl::Status status = make_wires(state, node, plan); !status.ok()) return status;
    if (absl::Status status = make_certificates(state, node); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<std::string> link_arguments(const State& state, const PlannedNode& node) {
  if (node.fallback.empty()) return {};
  const std::string pki = pki_folder(state);
  return {"--host-link",  absl::StrCat(kLinkDpu, ":", kLinkPort),
          "--cert",       absl::StrCat(pki, "/dpu-", node.name, ".pem"),
          "--ca",         pki + "/ca.crt",
          "--bundle-key", pki + "/bundle.key"};
}

absl::Status follow_host_sides(const State& state, const Plan& plan, const std::string& daemon) {
  for (const PlannedNode& node : plan.nodes) {
    if (node.fallback.empty()) continue;
    std::error_code error;
    fs::create_directories(folder_of(state, node.name), error);
    if (absl::Status status = write_endpoints(state, node, plan); !status.ok()) return status;
    if (absl::Status status = start_host(state, node, daemon); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status cut_link(const PlannedNode& node, bool cut) {
  if (node.fallback.empty()) return absl::OkStatus();
  return ip_batch(node.netns, cut ? "link set host down\n" : "link set host up\n");
}

void end_host_sides(const State& state) {
  const std::string hosts = host_netns(state.lab(), "");
  for (const std::string& netns : namespaces(hosts))
    end_node_processes(netns, folder_of(state, netns.substr(hosts.size())), absl::Seconds(3));
}

}  // namespace outrigger::lab
