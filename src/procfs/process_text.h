// The texts of /proc/PID.  A process chooses its own name, and may choose one that looks like the fields
// behind it; nothing here believes it.  Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "procfs/process.h"

namespace outrigger::procfs {

// proc(5): stat.  `ended`: nothing is left of it but its exit code.
struct Stat {
  std::string name;
  uint32_t parent = 0, threads = 0;
  bool kernel = false, ended = false;
  uint64_t cpu_ticks = 0, start_ticks = 0, resident_pages = 0;
};
std::optional<Stat> parse_stat(std::string_view text);

// proc(5): status.  Absent fields leave `to` as it is; false: no Uid, so this is no status.
bool parse_status(std::string_view text, Process& to);
// Adds the context switches of one thread's status.
void add_switches(std::string_view text, Activity& to);
// Adds what a thread's schedstat says; false: it is none.
bool add_schedstat(std::string_view text, Activity& to);

void parse_cgroup(std::string_view text, Process& to);  // cgroups(7), /proc/PID/cgroup
std::string parse_line(std::string_view cmdline);       // arguments between NULs
uint64_t parse_namespace(std::string_view link);        // 0: not one
uint32_t count_list(std::string_view list);             // "0-3,8" is 5; 0: not a list

}  // namespace outrigger::procfs
