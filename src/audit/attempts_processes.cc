// The DPU's processes are not the host's to read, nor even to see.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "audit/attempts.h"
#include "audit/nobody.h"
#include "audit/scene.h"

namespace outrigger::audit {
namespace {

namespace fs = std::filesystem;

// As the kernel keeps them: fifteen letters.
const std::set<std::string> kDpuPrograms = {"outriggerd", "outrigger-ports", "outrigger-engin"};
constexpr const char* kSecrets[] = {"mem", "environ", "maps", "fd"};
constexpr char kMayNot[] = "a process of this user's own is closed to it: the look proves nothing";
constexpr ino_t kFirstPidNamespace = 0xeffffffc;  // linux/proc_ns.h

struct Process {
  pid_t pid;
  std::string name;
};

std::vector<Process> dpu_processes() {
  std::vector<Process> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    std::ifstream in(entry.path() / "comm");
    std::string name;
    if (std::getline(in, name) && kDpuPrograms.contains(name)) found.push_back({pid, name});
  }
  return found;
}

// "" or what of it may be read.
std::string readable_of(const Process& process) {
  for (const std::string_view secret : kSecrets) {
    const std::string path = absl::StrCat("/proc/", process.pid, "/", std::string(secret));
    const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    if (fd && (secret == "fd" || secret == "mem" || read(fd.get(), &byte, 1) >= 0))
      return absl::StrCat(path, " of ", process.name);
  }
  return "";
}

std::string readable_of(const std::vector<Process>& processes) {
  for (const Process& one : processes) {
    if (std::string found = readable_of(one); !found.empty()) return found;
  }
  return "";
}

// Every secret of a process that is its own to read, or the answer about others says nothing.
std::string look_as_nobody(const std::vector<Process>& processes) {
  const Decoy own("outriggerd");
  for (const std::string_view secret : kSecrets) {
    const std::string path = absl::StrCat("/proc/", own.pid(), "/", std::string(secret));
    if (!Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC))) return absl::StrCat("?", path, ": ", kMayNot);
  }
  const std::string found = readable_of(processes);
  return found.empty() ? "" : absl::StrCat("!", found);
}

bool sees_all_processes() {
  struct stat info {};
  return stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == kFirstPidNamespace;
}

bool contains(const std::vector<Process>& processes, pid_t pid) {
  return std::any_of(processes.begin(), processes.end(),
                     [pid](const Process& one) { return one.pid == pid; });
}

// A process with the name of one of the DPU's is seen for as long as it runs.
bool look_finds_a_decoy() {
  const Decoy decoy("outrigger-engine");
  return decoy.pid() > 0 && contains(dpu_processes(), decoy.pid());
}

Verdict read_on_one_machine(const std::vector<Process>& processes) {
  if (processes.empty()) return not_tried("no process of the DPU's runs on this one machine");
  const auto text = as_nobody([&] { return look_as_nobody(processes); });
  if (!text.ok()) return not_tried(said(text.status()));
  if (text->starts_with('?')) return not_tried(text->substr(1));
  if (text->starts_with('!')) return broken(absl::StrCat("uid ", kNobody, " reads ", text->substr(1)));
  return held(absl::StrCat(
      "as uid ", kNobody, " neither memory, environment, maps nor descriptors of ", processes.size(),
      " processes of the DPU's can be read, those of its own can; as root: ", kOneMachine));
}

}  // namespace

Verdict read_processes(Scene& scene) {
  if (!look_finds_a_decoy())
    return not_tried("not even a process of our own, called as the DPU's are, is to be seen in /proc");
  const std::vector<Process> processes = dpu_processes();
  if (scene.settings().one_machine) return read_on_one_machine(processes);
  if (!processes.empty())
    return broken(absl::StrCat(processes.front().name, " is to be seen in /proc as ", processes.front().pid));
  if (!sees_all_processes())
    return not_tried("this is a container's /proc, not the host's: run it in the host's own PID namespace");
  return held("no process of the DPU's is to be seen in /proc, where one of our own with such a name was");
}

}  // namespace outrigger::audit
