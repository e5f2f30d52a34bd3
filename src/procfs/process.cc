#include "procfs/process.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "procfs/folder.h"
#include "procfs/printable.h"
#include "procfs/process_text.h"

namespace outrigger::procfs {

namespace {

absl::Status not_one(uint32_t pid, const char* file) {
  return absl::NotFoundError(absl::StrCat("process ", pid, ": its ", file, " cannot be understood"));
}

absl::StatusOr<Stat> read_stat(const Folder& folder, uint32_t pid) {
  const auto text = folder.read("stat");
  if (!text.ok()) return text.status();
  std::optional<Stat> stat = parse_stat(*text);
  if (!stat) return not_one(pid, "stat");
  if (stat->ended) return absl::NotFoundError(absl::StrCat("process ", pid, " has ended"));
  return *std::move(stat);
}

void take(const Stat& stat, Activity& to) {
  to.start_ticks = stat.start_ticks;
  to.cpu_ticks = stat.cpu_ticks;
  to.threads = stat.threads;
}

// Threads come and go while they are read; those that went count no more, as for the kernel.
void add_threads(const Folder& folder, const std::string& status, Activity& to) {
  if (to.threads <= 1) {
    add_switches(status, to);
    if (const auto text = folder.read("schedstat"); text.ok()) (void)add_schedstat(*text, to);
    return;
  }
  const auto threads = folder.names("task");
  if (!threads.ok()) return add_switches(status, to);
  for (const std::string& thread : *threads) {
    if (const auto text = folder.read(absl::StrCat("task/", thread, "/status")); text.ok())
      add_switches(*text, to);
    if (const auto text = folder.read(absl::StrCat("task/", thread, "/schedstat")); text.ok())
      (void)add_schedstat(*text, to);
  }
}

// What it is, in words; kernel threads have no program and no command line.
void read_words(const Folder& folder, Process& to) {
  if (!to.kernel) {
    const auto program = folder.link("exe");
    if (program.ok()) {
      to.program = printable(*program, 1024);
    } else {
      to.unseen.emplace_back("exe");
    }
    if (const auto line = folder.read("cmdline", 4096); line.ok()) {
      to.line = parse_line(*line);
    } else {
      to.unseen.emplace_back("cmdline");
    }
  }
  if (const auto groups = folder.read("cgroup"); groups.ok()) parse_cgroup(*groups, to);
}

uint64_t read_namespace(const Folder& folder, const std::string& kind) {
  const auto link = folder.link(absl::StrCat("ns/", kind));
  return link.ok() ? parse_namespace(*link) : 0;
}

void read_namespaces(const Folder& folder, Process& to) {
  to.net_namespace = read_namespace(folder, "net");
  to.pid_namespace = read_namespace(folder, "pid");
  if (to.net_namespace == 0) to.unseen.emplace_back("ns/net");
  if (to.pid_namespace == 0) to.unseen.emplace_back("ns/pid");
}

}  // namespace

std::vector<uint32_t> pids(const std::string& root) {
  std::vector<uint32_t> found;
  const auto folder = Folder::open(root);
  const auto names = folder.ok() ? folder->names(".") : folder.status();
  if (!names.ok()) return found;
  for (const std::string& name : *names) {
    uint32_t pid = 0;
    if (name[0] >= '1' && name[0] <= '9' && absl::SimpleAtoi(name, &pid)) found.push_back(pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

absl::StatusOr<Process> read_process(uint32_t pid, const std::string& root) {
  static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto folder = Folder::open(absl::StrCat(root, "/", pid));
  if (!folder.ok()) return folder.status();
  const auto stat = read_stat(*folder, pid);
  if (!stat.ok()) return stat.status();
  const auto status = folder->read("status");
  if (!status.ok()) return status.status();
  Process process;
  process.pid = pid;
  take(*stat, process);
  process.parent = stat->parent;
  process.kernel = stat->kernel;
  process.name = stat->name;
  process.memory = stat->resident_pages * page;
  if (!parse_status(*status, process)) return not_one(pid, "status");
  add_threads(*folder, *status, process);
  read_words(*folder, process);
  read_namespaces(*folder, process);
  // Whatever was read after it had ended is nothing.
  const auto again = read_stat(*folder, pid);
  if (!again.ok()) return again.status();
  if (again->start_ticks != process.start_ticks)
    return absl::NotFoundError(absl::StrCat("process ", pid, " has ended, another has its number"));
  return process;
}

absl::StatusOr<Activity> read_activity(uint32_t pid, const std::string& root) {
  const auto folder = Folder::open(absl::StrCat(root, "/", pid));
  if (!folder.ok()) return folder.status();
  const auto status = folder->read("status");
  if (!status.ok()) return status.status();
  const auto stat = read_stat(*folder, pid);
  if (!stat.ok()) return stat.status();
  Activity activity;
  take(*stat, activity);
  add_threads(*folder, *status, activity);
  return activity;
}

uint64_t namespace_of(uint32_t pid, const std::string& kind, const std::string& root) {
  const auto folder = Folder::open(absl::StrCat(root, "/", pid == 0 ? "self" : std::to_string(pid)));
  return folder.ok() ? read_namespace(*folder, kind) : 0;
}

}  // namespace outrigger::procfs
