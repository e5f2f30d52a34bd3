#include "inventory/describe.h"

#include <cap-ng.h>

#include <algorithm>
#include <bit>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::inventory {

namespace {

constexpr size_t kMaxListed = 32;    // of the sockets of one service
constexpr int kFewMissing = 4;       // who lacks so few has nearly all
constexpr uint32_t kLastKnown = 40;  // CAP_CHECKPOINT_RESTORE, linux/capability.h

std::string capability_name(uint32_t number) {
  const char* name = ::capng_capability_to_name(number);
  return name == nullptr ? absl::StrCat(number) : absl::AsciiStrToUpper(name);
}

void make_unique(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.size() <= kMaxListed) return;
  const size_t more = words.size() - kMaxListed;
  words.resize(kMaxListed);
  words.push_back(absl::StrCat("and ", more, " more"));
}

bool takes_any_packet(const std::string& socket) {
  return absl::StartsWith(socket, "packet") || absl::StartsWith(socket, "raw");
}

bool is_privileged(const procfs::Process& process, const Seen& seen) {
  return process.capabilities != 0 || process.uid == 0 || !seen.bpf.empty() ||
         std::any_of(seen.sockets.begin(), seen.sockets.end(), takes_any_packet);
}

Subject subject_of(const Seen& seen, const Group& group) {
  const procfs::Process& process = seen.process;
  return {programs_of(process.name, process.program, process.line),
          group.unit,
          process.line,
          seen.sockets,
          seen.bpf,
          {},
          is_privileged(process, seen)};
}

void apply(const std::optional<Match>& match, const std::vector<Rule>& rules, Described& to) {
  offload::Service& service = to.service;
  if (!match) {
    service.task = "other";
    service.why = "no rule knows it";
    return;
  }
  to.rule = &rules[match->rule];
  service.task = to.rule->task;
  service.why = match->why;
  service.latency_sensitive = to.rule->latency_sensitive;
  service.traffic_locality = to.rule->traffic_locality;
  service.contract = to.rule->contract;
}

std::optional<Match> first_match(const Group& group, const std::vector<Rule>& rules) {
  std::optional<Match> first;
  for (const Seen* one : group.members) {
    auto match = classify(subject_of(*one, group), rules);
    if (match && (!first || match->rule < first->rule)) first = std::move(match);
  }
  return first;
}

void add_privilege(const Seen& seen, const Look& look, offload::Privilege& to) {
  const procfs::Process& process = seen.process;
  to.uid = std::min(to.uid.value_or(process.uid), process.uid);
  to.host_network |= process.net_namespace != 0 && process.net_namespace == look.net_namespace;
  to.host_pid |= process.pid_namespace != 0 && process.pid_namespace == look.pid_namespace;
  to.sockets.insert(to.sockets.end(), seen.sockets.begin(), seen.sockets.end());
  to.bpf.insert(to.bpf.end(), seen.bpf.begin(), seen.bpf.end());
}

}  // namespace

std::vector<std::string> capability_names(uint64_t mask, uint32_t last) {
  const uint64_t all = last >= 63 ? ~uint64_t{0} : (uint64_t{1} << (last + 1)) - 1;
  const auto names = [](uint64_t bits) {
    std::vector<std::string> found;
    for (; bits != 0; bits &= bits - 1)
      found.push_back(capability_name(static_cast<uint32_t>(std::countr_zero(bits))));
    return found;
  };
  const uint64_t missing = all & ~mask;
  if (mask == 0 || std::popcount(missing) > kFewMissing) return names(mask);
  return {missing == 0 ? "ALL" : absl::StrCat("ALL but ", absl::StrJoin(names(missing), ", "))};
}

Described describe(const Group& group, const Look& look, const std::vector<Rule>& rules) {
  Described to;
  offload::Service& service = to.service;
  service.name = group.name;
  service.kernel = group.kernel;
  for (const Seen* one : group.members) service.memory += one->process.memory;
  if (group.kernel) {
    service.task = "other";
    service.why = absl::StrCat(group.members.size(), " threads of the kernel");
    return to;
  }
  apply(first_match(group, rules), rules, to);
  service.unit = group.unit;
  service.cgroup = group.cgroup;
  service.program = group.members.front()->process.program;
  uint64_t capabilities = 0;
  for (const Seen* one : group.members) {
    service.pids.push_back(one->process.pid);
    service.privileged |= is_privileged(one->process, *one);
    capabilities |= one->process.capabilities;
    add_privilege(*one, look, service.privilege);
  }
  service.privilege.capabilities = capability_names(capabilities, kLastKnown);
  make_unique(service.privilege.sockets);
  make_unique(service.privilege.bpf);
  return to;
}

Described describe(const KernelWork& work, const std::vector<Rule>& rules) {
  Described to;
  to.service.name = work.service;
  to.service.kernel = true;
  to.service.privileged = true;
  apply(classify({.tables = work.tables, .privileged = true}, rules), rules, to);
  if (!work.detail.empty()) absl::StrAppend(&to.service.why, "; ", work.detail);
  to.service.privilege.tables = work.tables;
  to.service.state = work.state;
  return to;
}

std::vector<Described> describe(const std::vector<BpfProgram>& unheld, const std::vector<Rule>& rules) {
  std::map<std::string, std::vector<std::string>> types;
  for (const BpfProgram& one : unheld)
    types[one.type].push_back(one.name.empty() ? one.type : absl::StrCat(one.type, " ", one.name));
  std::vector<Described> found;
  for (auto& [type, programs] : types) {
    Described to;
    to.service.name = absl::StrCat("eBPF ", type);
    to.service.kernel = true;
    to.service.privileged = true;
    apply(classify({.bpf = programs, .privileged = true}, rules), rules, to);
    absl::StrAppend(&to.service.why, "; ", programs.size(), " loaded and held by no process");
    make_unique(programs);
    to.service.privilege.bpf = std::move(programs);
    found.push_back(std::move(to));
  }
  return found;
}

}  // namespace outrigger::inventory
