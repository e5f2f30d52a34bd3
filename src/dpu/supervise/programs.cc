#include "dpu/supervise/programs.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/descriptor.h"
#include "dpu/supervise/process.h"

namespace outrigger::agent {

namespace {

namespace fs = std::filesystem;

constexpr const char* kEngine = "outrigger-engine";

// The value after "key": in JSON, without a reader for all of it.
std::string value_of(const std::string& text, const std::string& key) {
  const size_t at = text.find(absl::StrCat("\"", key, "\""));
  if (at == std::string::npos) return "";
  size_t from = text.find(':', at);
  if (from == std::string::npos) return "";
  from = text.find_first_not_of(": \t\n\"", from);
  const size_t end = text.find_first_of(",}\"\n", from);
  return from == std::string::npos ? "" : text.substr(from, end == std::string::npos ? end : end - from);
}

uint32_t number_of(const std::string& text, const std::string& key) {
  const std::string value = value_of(text, key);
  uint32_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

// Reads until the other end is closed; false when that takes longer than `patience`.
bool read_all(int from, absl::Duration patience, std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(patience);
  std::array<char, 4096> part{};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{from, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0) return false;
    const ssize_t got = read(from, part.data(), part.size());
    if (got <= 0) return true;
    if (text.size() < part.size() * 16) text.append(part.data(), static_cast<size_t>(got));
  }
}

std::string join(const std::vector<unsigned>& numbers) { return absl::StrJoin(numbers, ","); }

}  // namespace

std::string ports_socket(const Programs& programs) { return programs.runtime + "/ports.sock"; }
std::string control_socket(const Programs& programs, const std::string& instance) {
  return absl::StrCat(programs.runtime, "/", instance, ".sock");
}
std::string log_of(const Programs& programs, const std::string& instance) {
  return absl::StrCat(programs.runtime, "/", instance, ".log");
}
std::string ports_log(const Programs& programs) { return programs.runtime + "/ports.log"; }
std::string engine_path(const Programs& programs, const std::string& version) {
  return absl::StrCat(programs.engines, "/", version, "/", kEngine);
}

std::vector<std::string> ports_command(const Programs& programs, const engine::EngineOptions& options) {
  std::vector<std::string> argv = {programs.ports,
                                   "--runtime",
                                   programs.runtime,
                                   "--workers",
                                   absl::StrCat(options.workers),
                                   "--sessions",
                                   absl::StrCat(options.sessions_per_worker),
                                   "--buffers",
                                   absl::StrCat(options.buffers),
                                   "--rules",
                                   absl::StrCat(options.rules),
                                   "--memory",
                                   absl::StrCat(options.memory_mib),
                                   "--huge-pages",
                                   options.huge_pages ? "on" : "off",
                                   "--reserve-huge-pages"};
  if (!options.worker_cpus.empty()) argv.insert(argv.end(), {"--cpus", join(options.worker_cpus)});
  if (!options.eal.empty()) argv.insert(argv.end(), {"--eal", absl::StrJoin(options.eal, " ")});
  return argv;
}

std::vector<std::string> engine_command(const Programs& programs, const std::string& version,
                                        const std::string& instance) {
  return {engine_path(programs, version), "--runtime", programs.runtime, "--instance", instance};
}

bool version_less(const std::string& a, const std::string& b) {
  size_t i = 0;
  size_t j = 0;
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    uint64_t x = 0;
    uint64_t y = 0;
    for (; i < a.size() && digit(a[i]); ++i) x = x * 10 + static_cast<uint64_t>(a[i] - '0');
    for (; j < b.size() && digit(b[j]); ++j) y = y * 10 + static_cast<uint64_t>(b[j] - '0');
    if (x != y) return x < y;
  }
  return a.size() - i < b.size() - j;
}

std::vector<std::string> installed_versions(const Programs& programs) {
  std::vector<std::string> found;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(programs.engines, failure)) {
    std::error_code none;
    if (fs::is_directory(entry.path(), none)) found.push_back(entry.path().filename());
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return version_less(b, a); });
  return found;
}

absl::StatusOr<EngineDescription> parse_description(const std::string& text) {
  EngineDescription said{value_of(text, "version"), number_of(text, "session_layout"),
                         number_of(text, "memory_layout")};
  if (!said.version.empty() && said.session_layout != 0) return said;
  return absl::InternalError(
      absl::StrCat("--describe says neither version nor session_layout: \"", text, "\""));
}

absl::StatusOr<EngineDescription> describe_engine(const Programs& programs, const std::string& version,
                                                  absl::Duration patience) {
  const std::string path = engine_path(programs, version);
  if (access(path.c_str(), F_OK) != 0)
    return absl::NotFoundError(absl::StrCat("missing: there is no ", path));
  if (access(path.c_str(), X_OK) != 0)
    return absl::PermissionDeniedError(absl::StrCat(path, " is not executable"));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  Descriptor out(ends[0]);
  Descriptor in(ends[1]);
  auto process = Process::start({path, "--describe"}, in.get(), {});
  if (!process.ok()) return process.status();
  in.reset();
  std::string text;
  const bool ended = read_all(out.get(), patience, text);
  if (!ended || !process->wait(absl::Seconds(1))) {
    process->signal(SIGKILL);
    (void)process->wait(absl::Seconds(1));
    return absl::DeadlineExceededError(
        absl::StrCat(path, " --describe hangs: no end within ", absl::FormatDuration(patience)));
  }
  if (process->how_ended() != "exit 0")
    return absl::InternalError(absl::StrCat(path, " --describe: ", process->how_ended(), ": ", text));
  return parse_description(text);
}

std::string default_programs_folder(const std::string& self) {
  const fs::path beside = fs::path(self).parent_path();
  const fs::path built = beside.parent_path() / "ports";
  return access((beside / "outrigger-ports").c_str(), X_OK) != 0 && fs::exists(built / "outrigger-ports")
             ? built.string()
             : beside.string();
}

std::string default_engines_folder(const std::string& self) {
  const fs::path built = fs::path(self).parent_path().parent_path().parent_path() / "engines";
  return fs::is_directory(built) ? built.string() : "/usr/lib/outrigger/engines";
}

}  // namespace outrigger::agent
