#include "dpu/sidecar/bundle.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpu/sidecar/seccomp_profile.h"

namespace outrigger::agent {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr char kVersion[] = "outrigger.dev/version";
constexpr char kOwner[] = "outrigger.dev/owner";
constexpr char kMemory[] = "outrigger.dev/memory";
constexpr char kCpu[] = "outrigger.dev/cpu";
constexpr char kPids[] = "outrigger.dev/pids";
constexpr char kFilesDigest[] = "outrigger.dev/files";

// Secrets of the node that a read-only view would still show.
constexpr const char* kMasked[] = {
    "/etc/shadow",     "/etc/gshadow", "/etc/outrigger", "/etc/ssh",   "/var/lib/outrigger",
    "/root",           "/home",        "/proc/kcore",    "/proc/keys", "/proc/sysrq-trigger",
    "/proc/timer_list"};
constexpr const char* kReadOnly[] = {"/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq"};

Json mount(const char* at, const char* type, const std::string& source, Json options) {
  return {{"destination", at}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

Json mounts(const std::string& folder) {
  Json list = Json::array();
  list.push_back(mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  list.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "mode=755", "size=64k"}));
  for (const char* at : {"/tmp", "/run", "/var/tmp"})
    list.push_back(mount(at, "tmpfs", "tmpfs", {"nosuid", "nodev", "noexec", "mode=1777", "size=16m"}));
  list.push_back(mount("/run/config", "bind", absl::StrCat(folder, "/files"),
                       {"bind", "ro", "nosuid", "nodev", "noexec"}));
  return list;
}

Json process(const manifest::AgentProcess& agent) {
  Json environment = Json::array({"PATH=/usr/sbin:/usr/bin:/sbin:/bin"});
  for (const auto& [key, value] : agent.env) environment.push_back(absl::StrCat(key, "=", value));
  Json capabilities = Json::array();
  for (const std::string& one : agent.capabilities) capabilities.push_back(absl::StrCat("CAP_", one));
  const Json limit = {{"type", "RLIMIT_NOFILE"}, {"hard", 4096}, {"soft", 4096}};
  const Json no_core = {{"type", "RLIMIT_CORE"}, {"hard", 0}, {"soft", 0}};
  return {{"terminal", false},
          {"user", {{"uid", 0}, {"gid", 0}}},
          {"args", agent.command},
          {"env", std::move(environment)},
          {"cwd", "/"},
          {"capabilities",
           {{"bounding", capabilities}, {"effective", capabilities}, {"permitted", capabilities}}},
          {"noNewPrivileges", true},
          {"oomScoreAdj", 500},  // before the engine, when memory is short
          {"rlimits", Json::array({limit, no_core})}};
}

// FNV-1a, to see that the files are others.
std::string digest(const std::map<std::string, std::string>& files) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const auto& [name, text] : files) {
    for (const char c : absl::StrCat(name.size(), ":", name, text.size(), ":", text))
      hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

Json annotations(const manifest::Service& service) {
  return {{kVersion, service.version},
          {kOwner, service.logs.owner},
          {kMemory, absl::StrCat(service.agent->memory)},
          {kCpu, absl::StrCat(service.agent->cpu_milli)},
          {kPids, absl::StrCat(service.agent->pids)},
          {kFilesDigest, digest(service.agent->files)}};
}

absl::Status write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", path.string()));
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status write_parts(const manifest::Service& service, const fs::path& at, const std::string& folder) {
  std::error_code failure;
  fs::remove_all(at, failure);
  fs::create_directories(at / "rootfs", failure);
  fs::create_directories(at / "files", failure);
  if (failure)
    return absl::UnavailableError(absl::StrCat("cannot make ", at.string(), ": ", failure.message()));
  // Whatever user the process becomes may read its own configuration; the folder above is closed.
  fs::permissions(at / "files", fs::perms(0755), failure);
  for (const auto& [name, text] : service.agent->files) {
    if (absl::Status status = write_text(at / "files" / name, text); !status.ok()) return status;
    fs::permissions(at / "files" / name, fs::perms(0644), failure);
  }
  return write_text(at / "config.json", oci_config(service, folder));
}

}  // namespace

std::string oci_config(const manifest::Service& service, const std::string& folder) {
  Json config;
  config["ociVersion"] = "1.0.2";
  config["process"] = process(*service.agent);
  config["root"] = {{"path", "rootfs"}, {"readonly", true}};
  config["mounts"] = mounts(folder);
  config["annotations"] = annotations(service);
  Json& linux = config["linux"];
  linux["namespaces"] = Json::array({{{"type", "pid"}}, {{"type", "mount"}}, {{"type", "ipc"}}});
  linux["maskedPaths"] = kMasked;
  linux["readonlyPaths"] = kReadOnly;
  linux["seccomp"] = seccomp_profile();
  return config.dump(1) + "\n";
}

absl::Status write_bundle(const manifest::Service& service, const std::string& folder) {
  const fs::path aside = absl::StrCat(folder, ".new");
  if (absl::Status status = write_parts(service, aside, folder); !status.ok()) return status;
  std::error_code failure;
  fs::remove_all(folder, failure);
  fs::rename(aside, folder, failure);
  if (failure)
    return absl::UnavailableError(absl::StrCat("cannot put ", folder, " in place: ", failure.message()));
  return absl::OkStatus();
}

bool is_bundle_of(const manifest::Service& service, const std::string& folder) {
  return read_text(fs::path(folder) / "config.json") == oci_config(service, folder);
}

absl::StatusOr<BundleInfo> read_bundle(const std::string& folder) {
  const Json config =
      Json::parse(read_text(fs::path(folder) / "config.json"), nullptr, /*allow_exceptions=*/false);
  if (!config.is_object() || !config.contains("annotations"))
    return absl::NotFoundError(absl::StrCat(folder, " holds no bundle"));
  const Json& notes = config["annotations"];
  const auto text = [&notes](const char* key) {
    return notes.contains(key) && notes[key].is_string() ? notes[key].get<std::string>() : std::string();
  };
  BundleInfo info{text(kVersion), text(kOwner), {}, ""};
  const Json::json_pointer program("/process/args/0");
  if (config.contains(program) && config[program].is_string())
    info.program = config[program].get<std::string>();
  if (!absl::SimpleAtoi(text(kMemory), &info.limits.memory) ||
      !absl::SimpleAtoi(text(kCpu), &info.limits.cpu_milli) ||
      !absl::SimpleAtoi(text(kPids), &info.limits.pids))
    return absl::DataLossError(absl::StrCat(folder, ": limits cannot be read"));
  return info;
}

}  // namespace outrigger::agent
