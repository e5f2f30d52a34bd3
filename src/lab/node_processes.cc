#include "lab/node_processes.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lab/netns.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 5;

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string program_of(pid_t pid) {
  std::error_code error;
  const fs::path program = fs::read_symlink(absl::StrCat("/proc/", pid, "/exe"), error);
  std::string name = program.filename();
  if (const size_t gone = name.find(" (deleted)"); gone != std::string::npos) name.resize(gone);
  return name;
}

bool was_given(pid_t pid, const std::string& folder) {
  for (const char* file : {"/cmdline", "/environ"}) {
    const std::string text = content(absl::StrCat("/proc/", pid, file));
    for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder, at + 1)) {
      const size_t end = at + folder.size();
      if (end == text.size() || text[end] == '\0' || text[end] == '/') return true;
    }
  }
  return false;
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed == std::errc{} && end == name.data() + name.size() && pid != getpid()) found.push_back(pid);
  }
  return found;
}

}  // namespace

std::vector<NodeProcess> node_processes(const std::string& netns, const std::string& folder) {
  std::vector<NodeProcess> found;
  for (const ProcessId& id : processes_in({netns})) found.push_back({id, program_of(id.pid)});
  for (const pid_t pid : all_pids()) {
    const std::string program = program_of(pid);
    // A person's editor or `outrigger` itself may name the folder too.
    if (!absl::StartsWith(program, "outrigger") || program == "outrigger" || !was_given(pid, folder))
      continue;
    const auto id = process(pid);
    const bool known =
        std::any_of(found.begin(), found.end(), [&](const NodeProcess& p) { return p.id.pid == pid; });
    if (id && !known) found.push_back({*id, program});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id.pid < b.id.pid; });
  return found;
}

void end_node_processes(const std::string& netns, const std::string& folder, absl::Duration grace) {
  for (int round = 0; round < kRounds; ++round) {
    std::vector<ProcessId> agents, others;
    for (const NodeProcess& one : node_processes(netns, folder)) {
      (one.program == "outriggerd" ? agents : others).push_back(one.id);
    }
    if (agents.empty() && others.empty()) return;
    terminate(agents, grace);  // first: it would start the others again
    terminate(others, grace);
  }
}

}  // namespace outrigger::lab
