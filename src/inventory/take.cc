#include "inventory/take.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "inventory/cgroups.h"
#include "inventory/describe.h"
#include "inventory/groups.h"
#include "inventory/host_figures.h"
#include "inventory/watch.h"
#include "procfs/host.h"

namespace outrigger::inventory {

namespace {

using offload::Inventory;
using offload::Noise;
using offload::Service;

// Tables that a program which runs on this network sets up are its work, and not listed twice.
void give_tables_to_owners(std::vector<Described>& services, std::vector<KernelWork>& work) {
  for (Described& one : services) {
    if (one.rule == nullptr || one.rule->owns.empty() || !one.service.privilege.host_network) continue;
    std::vector<std::string>& owned = one.service.privilege.tables;
    for (KernelWork& part : work) {
      std::erase_if(part.tables, [&](const std::string& table) {
        if (one.rule->owns.match({table}) == nullptr) return false;
        owned.push_back(table);
        return true;
      });
    }
    one.service.privileged |= !owned.empty();
  }
  std::erase_if(work, [](const KernelWork& one) { return one.tables.empty(); });
}

void add_pressure(const Cgroups& cgroups, Service& service) {
  const auto pressure = service.cgroup.empty() ? std::nullopt : cgroups.pressure(service.cgroup);
  if (!pressure) return;
  service.noise.cpu_pressure = pressure->cpu;
  service.noise.memory_pressure = pressure->memory;
  service.noise.io_pressure = pressure->io;
}

Noise noise_of(const Group& group, const Watch* watch, double uptime) {
  std::vector<const procfs::Process*> processes;
  std::vector<ProcessKey> keys;
  for (const Seen* one : group.members) {
    processes.push_back(&one->process);
    keys.push_back(key_of(one->process));
  }
  return watch != nullptr ? watch->noise_of(keys) : noise_since_start(processes, uptime);
}

// What says whether the host is well run: limits and users of its applications.
void judge_application(const Group& group, const Service& service, const Cgroups& cgroups, Inventory& to) {
  to.application_cpu = std::min<double>(to.application_cpu + service.noise.cpu, to.cpus);
  for (const Seen* one : group.members) {
    to.application_as_root |= one->process.uid == 0;
    if (!cgroups.seen()) continue;  // not known is no accusation
    const bool pinned = one->process.cpus_allowed != 0 && one->process.cpus_allowed < to.cpus;
    const auto limit = cgroups.cpu_limit(one->process);
    to.applications_limited &= pinned || (limit && *limit < to.cpus);
  }
}

void add_processes(const Look& look, const TakeOptions& options, const Watch* watch, Inventory& to,
                   std::vector<KernelWork>& work) {
  const Cgroups cgroups(options.look.root);
  if (!cgroups.seen())
    to.not_seen.emplace_back("CPU limits and pressure: no control groups are mounted here");
  const double up = uptime(options.look.root);
  const std::vector<Group> groups = group(look);
  std::vector<Described> services;
  for (const Group& one : groups) {
    Described described = describe(one, look, options.rules);
    described.service.noise = noise_of(one, watch, up);
    add_pressure(cgroups, described.service);
    if (described.service.task == "application") judge_application(one, described.service, cgroups, to);
    services.push_back(std::move(described));
  }
  give_tables_to_owners(services, work);
  for (Described& one : services) to.services.push_back(std::move(one.service));
}

// A process may be called like a table.
void name_apart(Inventory& to) {
  std::set<std::string> used;
  for (Service& one : to.services) {
    const std::string name = one.name;
    for (uint32_t i = 2; !used.insert(one.name).second; ++i) one.name = absl::StrCat(name, " #", i);
  }
}

// Infrastructure first, then applications, then the rest; by name.
int rank(const Service& service) {
  if (service.task == "other") return 2;
  return service.task == "application" ? 1 : 0;
}

void add_missing(const std::vector<std::string>& missing, Inventory& to) {
  to.not_seen.insert(to.not_seen.end(), missing.begin(), missing.end());
}

}  // namespace

absl::Status look_only_into(const std::vector<std::string>& networks, TakeOptions& options) {
  if (networks.empty()) return absl::OkStatus();
  for (const std::string& one : networks) {
    const auto inode = network_inode(one);
    if (!inode.ok()) return inode.status();
    options.look.networks.push_back(*inode);
  }
  options.kernel = [networks] { return look_at_kernel_in(networks); };
  return absl::OkStatus();
}

absl::StatusOr<Inventory> take(const TakeOptions& options) {
  const std::string& root = options.look.root;
  std::optional<procfs::HostCounts> before;
  std::optional<Watch> watched;
  if (options.watch.count() > 0) {
    before = procfs::read_host(root);
    watched = watch(root, options.watch, options.progress);
  }
  const procfs::HostCounts counts = procfs::read_host(root);
  if (procfs::pids(root).empty())
    return absl::NotFoundError(absl::StrCat(root, ": no processes there; is it mounted?"));
  Inventory to;
  describe_host(root, before, counts, to);
  const auto programs = options.programs();
  if (!programs.ok()) to.not_seen.push_back(std::string(programs.status().message()));
  const Look seen = look(options.look, programs.ok() ? *programs : std::vector<BpfProgram>{});
  KernelLook kernel = options.kernel();
  add_processes(seen, options, watched ? &*watched : nullptr, to, kernel.work);
  for (const KernelWork& one : kernel.work) to.services.push_back(describe(one, options.rules).service);
  if (options.look.networks.empty()) {
    for (Described& one : describe(seen.unheld, options.rules)) to.services.push_back(std::move(one.service));
  }
  name_apart(to);
  std::stable_sort(to.services.begin(), to.services.end(),
                   [](const Service& a, const Service& b) { return rank(a) < rank(b); });
  add_missing(seen.not_seen, to);
  add_missing(kernel.missing, to);
  if (seen.other_networks > 0) {
    to.not_seen.push_back(absl::StrCat("tables, tunnels and bridges of ", seen.other_networks,
                                       " other network namespaces: run this in them"));
  }
  return to;
}

}  // namespace outrigger::inventory
