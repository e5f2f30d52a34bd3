#include "scenario/left_on_host.h"

#include <linux/capability.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "offload/plan.h"
#include "procfs/process.h"
#include "scenario/arm.h"
#include "scenario/beside.h"

namespace outrigger::scenario {
namespace {

constexpr char kDormant[] = "outrigger-host";

std::vector<std::string> capabilities_of(uint64_t bits) {
  std::vector<std::string> names;
  for (unsigned bit = 0; bit <= CAP_LAST_CAP; ++bit) {
    if ((bits >> bit & 1) == 0) continue;
    names.push_back(bit == CAP_NET_ADMIN   ? "NET_ADMIN"
                    : bit == CAP_SYS_ADMIN ? "SYS_ADMIN"
                    : bit == CAP_NET_RAW   ? "NET_RAW"
                                           : absl::StrCat("capability ", bit));
  }
  return names;
}

std::string in_words(const offload::Privilege& held) {
  constexpr size_t kShown = 5;
  const size_t count = held.capabilities.size();
  return absl::StrCat(
      "uid ", *held.uid, ", ",
      count > kShown ? absl::StrCat(count, " capabilities") : absl::StrJoin(held.capabilities, ", "),
      ", in the host's network namespace");
}

std::string task_of(const std::string& name) {
  if (name == kFlowExporter) return "telemetry";
  if (name == kPolicyAgent) return "policy";
  return name == kDormant ? "fallback" : "other";
}

// Whose name it bears: its own, or that of the shell that runs it.
std::string name_of(const procfs::Process& process, const std::vector<Running>& known) {
  for (const Running& one : known) {
    const auto pid = static_cast<uint32_t>(one.id.pid);
    if (process.pid == pid || process.parent == pid) return one.program.name;
  }
  return absl::StartsWith(process.name, "outrigger") ? kDormant : process.name;
}

class Finder {
 public:
  Finder(const std::string& lab, const World& world) : lab_(lab), world_(world) {}

  void processes(const std::vector<Running>& known) {
    std::vector<std::string> places = {lab::host_netns(lab_, kServedNode)};
    for (const uint32_t vni : world_.vnis) places.push_back(path_netns(lab_, vni));
    for (const lab::ProcessId& id : lab::processes_in(places)) {
      const auto process = procfs::read_process(static_cast<uint32_t>(id.pid));
      if (process.ok() && (process->capabilities != 0 || process->uid == 0)) add(*process, known);
    }
  }

  absl::Status kernel() {
    std::vector<std::string> rules, tunnels;
    for (const uint32_t vni : world_.vnis) {
      const std::string device = absl::StrCat("vx", vni);
      const auto up = lab::run({"ip", "-n", path_netns(lab_, vni), "-o", "link", "show", "up"});
      if (!up.ok()) return up.status();
      if (!absl::StrContains(*up, absl::StrCat(" ", device))) continue;  // closed: the fallback's own
      rules.push_back(absl::StrCat("nftables inet outrigger for net-", vni));
      tunnels.push_back(absl::StrCat("vxlan ", device));
      tunnels.push_back(absl::StrCat("bridge br", vni));
    }
    if (rules.empty()) return absl::OkStatus();
    add_kernel("kernel: nftables", "policy", rules);
    add_kernel("kernel: vxlan and bridge", "overlay", tunnels);
    return absl::OkStatus();
  }

  [[nodiscard]] std::vector<measure::PrivilegedService> found() const {
    std::vector<measure::PrivilegedService> all;
    for (const auto& [name, service] : found_) all.push_back(service);
    return all;
  }

 private:
  // Of several processes of a service the one that may do most stands for it.
  void add(const procfs::Process& process, const std::vector<Running>& known) {
    offload::Service service{.name = name_of(process, known)};
    service.privilege.uid = process.uid;
    service.privilege.capabilities = capabilities_of(process.capabilities);
    service.privilege.host_network = true;
    const double weight = offload::privilege_weight(service);
    measure::PrivilegedService& kept = found_[service.name];
    if (!kept.name.empty() && kept.weight >= weight) return;
    kept = {service.name, task_of(service.name), weight, in_words(service.privilege)};
  }

  void add_kernel(const std::string& name, const std::string& task, const std::vector<std::string>& tables) {
    offload::Service service{.name = name, .kernel = true};
    service.privilege.tables = tables;
    found_[name] = {name, task, offload::privilege_weight(service), absl::StrJoin(tables, ", ")};
  }

  const std::string& lab_;
  const World& world_;
  std::map<std::string, measure::PrivilegedService> found_;
};

}  // namespace

absl::StatusOr<std::vector<measure::PrivilegedService>> left_on_host(const std::string& lab,
                                                                     const World& world,
                                                                     const std::vector<Running>& known) {
  Finder finder(lab, world);
  finder.processes(known);
  if (absl::Status status = finder.kernel(); !status.ok()) return status;
  return finder.found();
}

}  // namespace outrigger::scenario
