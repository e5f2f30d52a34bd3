#include "lab/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lab/interrupt.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::optional<std::string> content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Whole or not at all: a reader never sees half a file.
absl::Status write_file(const std::string& file, const std::string& text) {
  std::error_code error;
  fs::create_directories(fs::path(file).parent_path(), error);
  const std::string aside = file + ".new";
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return absl::ErrnoToStatus(errno, absl::StrCat("write ", aside));
  fs::rename(aside, file, error);
  return error ? absl::InternalError(absl::StrCat("rename to ", file, ": ", error.message()))
               : absl::OkStatus();
}

bool same_file(int fd, const std::string& path) {
  struct stat held = {}, named = {};
  return fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
}

}  // namespace

std::string_view text(Mode mode) {
  constexpr std::string_view kTexts[] = {"auto", "split", "solo"};
  return kTexts[static_cast<size_t>(mode)];
}

State::State(std::string lab) : lab_(std::move(lab)), folder_(absl::StrCat(kStateRoot, "/", lab_)) {}

bool State::exists() const { return fs::exists(folder_ + "/lab.json"); }
std::string State::node_folder(const std::string& node) const {
  return absl::StrCat(folder_, "/nodes/", node);
}
std::string State::socket(const std::string& node) const { return node_folder(node) + "/api.sock"; }
std::string State::log(const std::string& node) const { return node_folder(node) + "/log"; }

std::string State::setup_file(const std::string& endpoint) const {
  std::string name = endpoint;
  std::replace(name.begin(), name.end(), '/', '.');
  return absl::StrCat(folder_, "/endpoints/", name);
}

absl::Status State::save(const LabOptions& options, const std::string& topology) const {
  if (absl::Status status = write_file(folder_ + "/topology.yaml", topology); !status.ok()) return status;
  const Json saved = {{"manifests", options.manifests},
                      {"daemon", options.daemon},
                      {"daemon_arguments", options.daemon_arguments},
                      {"mode", text(options.mode)},
                      {"dhcp", options.dhcp}};
  return write_file(folder_ + "/lab.json", saved.dump(2) + "\n");
}

absl::StatusOr<LabOptions> State::options() const {
  const std::optional<std::string> text = content(folder_ + "/lab.json");
  if (!text)
    return absl::NotFoundError(absl::StrCat("no lab \"", lab_, "\": make one with `outrigger lab up`"));
  const Json saved = Json::parse(*text, nullptr, false);
  if (!saved.is_object())
    return absl::DataLossError(absl::StrCat(folder_, "/lab.json is damaged: run lab down"));
  LabOptions options;
  options.name = lab_;
  options.manifests = saved.value("manifests", "");
  options.daemon = saved.value("daemon", options.daemon);
  options.daemon_arguments = saved.value("daemon_arguments", std::vector<std::string>{});
  const std::string mode = saved.value("mode", "solo");
  options.mode = mode == "split" ? Mode::kSplit : mode == "solo" ? Mode::kSolo : Mode::kAuto;
  options.dhcp = saved.value("dhcp", false);
  return options;
}

absl::StatusOr<std::string> State::topology() const {
  const std::optional<std::string> text = content(folder_ + "/topology.yaml");
  if (!text)
    return absl::NotFoundError(absl::StrCat("no lab \"", lab_, "\": make one with `outrigger lab up`"));
  return *text;
}

absl::Status State::save_desired(const std::string& yaml) const {
  return write_file(folder_ + "/desired.yaml", yaml);
}

std::string State::desired() const { return content(folder_ + "/desired.yaml").value_or(""); }

absl::Status State::save_daemon(const std::string& node, const ProcessId& id) const {
  return write_file(node_folder(node) + "/pid", absl::StrCat(id.pid, " ", id.start, "\n"));
}

std::optional<ProcessId> State::daemon(const std::string& node) const {
  std::istringstream text(content(node_folder(node) + "/pid").value_or(""));
  ProcessId id;
  if (!(text >> id.pid >> id.start) || !alive(id)) return std::nullopt;
  return id;
}

std::vector<ProcessId> State::daemons() const {
  std::vector<ProcessId> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ + "/nodes", error)) {
    if (const auto id = daemon(entry.path().filename())) found.push_back(*id);
  }
  return found;
}

absl::Status State::save_huge_pages(unsigned pages) const {
  return write_file(folder_ + "/huge-pages", absl::StrCat(pages, "\n"));
}

unsigned State::huge_pages() const {
  unsigned pages = 0;
  (void)absl::SimpleAtoi(absl::StripAsciiWhitespace(content(folder_ + "/huge-pages").value_or("")), &pages);
  return pages;
}

absl::Status State::mark_frozen(const std::string& node, bool frozen) const {
  const std::string mark = node_folder(node) + "/frozen";
  if (frozen) return write_file(mark, "");
  std::error_code error;
  fs::remove(mark, error);
  return absl::OkStatus();
}

bool State::frozen(const std::string& node) const { return fs::exists(node_folder(node) + "/frozen"); }

absl::Status State::save_setup(const std::string& endpoint, const std::string& setup) const {
  return write_file(setup_file(endpoint), setup);
}

std::string State::setup(const std::string& endpoint) const {
  return content(setup_file(endpoint)).value_or("");
}

void State::remove() const {
  std::error_code error;
  fs::remove_all(folder_, error);
  for (fs::path above = kStateRoot; above != "/run"; above = above.parent_path()) {
    if (!fs::remove(above, error)) break;
  }
}

absl::StatusOr<Lock> Lock::take(const State& state) {
  for (;;) {
    std::error_code error;
    fs::create_directories(state.folder(), error);
    const int fd = open(state.folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", state.folder()));
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (locked && same_file(fd, state.folder())) return Lock(fd);
    close(fd);  // another command has it, or has just removed the folder
    if (absl::Status status = Interrupt::check(); !status.ok()) return status;
    if (!locked) absl::SleepFor(absl::Milliseconds(50));
  }
}

Lock::~Lock() {
  if (fd_ >= 0) close(fd_);
}

std::vector<std::string> folders_of_labs() {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(kStateRoot, error)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

}  // namespace outrigger::lab
