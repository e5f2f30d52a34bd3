#include "inventory/look.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "procfs/open_files.h"
#include "procfs/sockets.h"

namespace outrigger::inventory {

namespace {

constexpr uint64_t kFirstPidNamespace = 0xeffffffc;  // PROC_PID_INIT_INO, linux/proc_ns.h

// What could not be seen, counted by kind: two thousand lines would be read by nobody.
class Unseen {
 public:
  void add(const std::string& what, uint32_t pid) {
    auto& [count, first] = kinds_[what];
    if (count++ == 0) first = pid;
  }
  void list(std::vector<std::string>& to) const {
    for (const auto& [what, one] : kinds_) {
      to.push_back(absl::StrCat(what, " of ", one.first, one.first == 1 ? " process" : " processes", " (",
                                one.first == 1 ? "" : "the first is ", "process ", one.second, ")"));
    }
  }

 private:
  std::map<std::string, std::pair<uint32_t, uint32_t>> kinds_;
};

std::string named(const std::string& file) {
  if (file == "ns/net") return "network namespace";
  if (file == "ns/pid") return "PID namespace";
  return file == "exe" ? "executable" : "command line";
}

bool wanted(const procfs::Process& process, const std::vector<uint64_t>& networks) {
  if (networks.empty()) return true;
  return !process.kernel && std::ranges::find(networks, process.net_namespace) != networks.end();
}

std::vector<Seen> read_processes(const LookOptions& options, Unseen& unseen) {
  std::vector<Seen> found;
  for (const uint32_t pid : procfs::pids(options.root)) {
    if (pid == options.skip) continue;
    auto process = procfs::read_process(pid, options.root);
    if (!process.ok()) {
      if (!absl::IsNotFound(process.status())) unseen.add("everything", pid);  // hidepid=1
      continue;
    }
    if (!wanted(*process, options.networks)) continue;
    for (const std::string& file : process->unseen) {
      if (!process->kernel) unseen.add(named(file), pid);
    }
    found.push_back({*std::move(process), {}, {}});
  }
  return found;
}

// Inodes of sockets are unique among all network namespaces, and a process may hold some of several.
procfs::Sockets read_all_sockets(const std::vector<Seen>& processes, const LookOptions& options, Look& to) {
  procfs::Sockets all;
  std::set<uint64_t> known;
  for (const Seen& one : processes) {
    const uint64_t network = one.process.net_namespace;
    if (one.process.kernel || network == 0 || !known.insert(network).second) continue;
    procfs::Sockets sockets = procfs::read_sockets(one.process.pid, options.root);
    for (auto& [inode, name] : sockets.by_inode) all.by_inode.try_emplace(inode, std::move(name));
    for (std::string& missing : sockets.missing) to.not_seen.push_back(std::move(missing));
  }
  known.erase(to.net_namespace);
  for (const uint64_t asked_for : options.networks) known.erase(asked_for);
  to.other_networks = static_cast<uint32_t>(known.size());
  return all;
}

void make_unique(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

std::string in_words(const BpfProgram& program) {
  return program.name.empty() ? program.type : absl::StrCat(program.type, " ", program.name);
}

class Holdings {
 public:
  Holdings(procfs::Sockets sockets, const std::vector<BpfProgram>& programs) : sockets_(std::move(sockets)) {
    for (const BpfProgram& one : programs) programs_.emplace(one.id, one);
  }
  void name(const procfs::OpenFiles& files, Seen& to) {
    for (const uint64_t inode : files.sockets) {
      if (const auto at = sockets_.by_inode.find(inode); at != sockets_.by_inode.end())
        to.sockets.push_back(at->second);
    }
    for (const uint32_t id : files.bpf) {
      const auto at = programs_.find(id);
      to.bpf.push_back(at == programs_.end() ? absl::StrCat("program ", id) : in_words(at->second));
      held_.insert(id);
    }
    make_unique(to.sockets);
    make_unique(to.bpf);
  }
  [[nodiscard]] std::vector<BpfProgram> unheld() const {
    std::vector<BpfProgram> left;
    for (const auto& [id, program] : programs_) {
      if (!held_.contains(id)) left.push_back(program);
    }
    return left;
  }

 private:
  procfs::Sockets sockets_;
  std::map<uint32_t, BpfProgram> programs_;
  std::set<uint32_t> held_;
};

// False: it has ended since it was read.
bool read_holdings(const LookOptions& options, Holdings& holdings, Seen& of, Unseen& unseen) {
  if (of.process.kernel) return true;
  const auto files = procfs::read_open_files(of.process, options.root);
  if (files.ok()) {
    holdings.name(*files, of);
    if (files->cut) unseen.add("files beyond the first 100000", of.process.pid);
  } else if (absl::IsNotFound(files.status())) {
    return false;
  } else {
    unseen.add("sockets and eBPF programs", of.process.pid);
  }
  return true;
}

}  // namespace

Look look(const LookOptions& options, const std::vector<BpfProgram>& programs) {
  Look to;
  Unseen unseen;
  to.net_namespace =
      options.networks.empty() ? procfs::namespace_of(0, "net", options.root) : options.networks.front();
  to.pid_namespace = procfs::namespace_of(0, "pid", options.root);
  to.processes = read_processes(options, unseen);
  Holdings holdings(read_all_sockets(to.processes, options, to), programs);
  std::erase_if(to.processes, [&](Seen& one) { return !read_holdings(options, holdings, one, unseen); });
  to.unheld = holdings.unheld();
  unseen.list(to.not_seen);
  if (to.pid_namespace != 0 && to.pid_namespace != kFirstPidNamespace)
    to.not_seen.emplace_back("processes outside of this container: look from the host's PID namespace");
  return to;
}

}  // namespace outrigger::inventory
