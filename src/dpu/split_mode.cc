#include "dpu/split_mode.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/machine_memory.h"
#include "dpu/api.h"
#include "services/services.h"

namespace outrigger::agent {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTopic = "engine";
constexpr const char* kVersionNote = "version";
constexpr const char* kBook = "/engine-versions";  // in the state's folder

std::string self() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : "";
}

Programs programs_of(const Options& options) {
  Programs out;
  out.ports = absl::StrCat(options.programs.empty() ? default_programs_folder(self()) : options.programs,
                           "/outrigger-ports");
  out.engines = options.engines.empty() ? default_engines_folder(self()) : options.engines;
  out.runtime = options.runtime.empty() ? fs::absolute(options.socket).parent_path().string() + "/run"
                                        : options.runtime;
  out.engine_cpus = out.ports_cpus = options.control_cpus;
  return out;
}

// "" when split mode is possible.
std::string hindrance(const Options& options, std::string& note) {
  const Programs programs = programs_of(options);
  if (access(programs.ports.c_str(), X_OK) != 0)
    return absl::StrCat("there is no ", programs.ports, " (--programs)");
  if (installed_versions(programs).empty())
    return absl::StrCat("no engine is installed in ", programs.engines, " (--engines)");
  if (options.huge_pages == HugePages::kOff) return "huge pages are off, and processes share packets in them";
  const unsigned wanted = huge_mib_wanted(options);
  const uint64_t free = free_huge_mib();
  if (free >= wanted) return "";
  note = absl::StrCat("reserving huge pages: ", wanted, " MiB wanted, ", free, " MiB free");
  if (geteuid() != 0)
    return absl::StrCat("huge pages: ", wanted, " MiB wanted, ", free,
                        " MiB free, and only root reserves more");
  if (obtainable_huge_mib() < wanted)
    return absl::StrCat("huge pages: ", wanted, " MiB wanted, ", free,
                        " MiB free, and memory has no room for more");
  return "";
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Not a note of the store: it is the engine's thread that writes, which an apply in the store waits for.
void replace_file(const std::string& path, const std::string& text) {
  const std::string aside = path + ".new";
  std::ofstream file(aside, std::ios::trunc | std::ios::binary);
  file << text;
  file.close();
  std::error_code failure;
  if (file) fs::rename(aside, path, failure);
  if (!file || failure) spdlog::error("which engine versions are barred cannot be written to {}", path);
}

std::string noted(const SplitNeeds& needs, const char* note) {
  const std::lock_guard lock(*needs.notes_lock);
  const auto notes = needs.notes->notes(kTopic);
  if (!notes.ok()) return "";
  const auto found = notes->find(note);
  return found == notes->end() ? "" : found->second;
}

constexpr const char* kSolo =
    "this node runs in solo mode: the engine is part of outriggerd, so upgrade outriggerd";

}  // namespace

absl::StatusOr<ModeChoice> choose_mode(const Options& options) {
  if (options.mode == Mode::kSolo) return ModeChoice{false, "asked for"};
  std::string note;
  const std::string hindered = hindrance(options, note);
  if (hindered.empty()) return ModeChoice{true, note};
  if (options.mode == Mode::kAuto) return ModeChoice{false, hindered};
  return absl::FailedPreconditionError(absl::StrCat("--mode split: ", hindered));
}

absl::StatusOr<SplitParts> start_split(const Options& options, const SplitNeeds& needs) {
  SplitOptions split;
  split.programs = programs_of(options);
  split.engine = engine_options(options, free_huge_mib());
  split.engine.huge_pages = true;
  split.version = noted(needs, kVersionNote);
  const std::string book = options.state + kBook;
  split.book = read_file(book);
  split.keep_book = [book](const std::string& text) { replace_file(book, text); };
  if (split.version.empty()) split.version = options.engine_version;
  // Of our own build when it is there: a higher version is an upgrade, which somebody has to ask for.
  if (split.version.empty() && access(engine_path(split.programs, kVersion).c_str(), X_OK) == 0)
    split.version = kVersion;
  split.bar = {options.bar_failures, absl::Seconds(options.bar_window)};
  const DesiredFn desired = [state = needs.state]() -> std::optional<Desired> {
    std::shared_ptr<const Snapshot> now = state->settled();
    if (now == nullptr) return std::nullopt;
    return Desired{now->generation, now->digest, [now] { return whole_update(*now); }};
  };
  SplitParts parts;
  auto started = EngineThread::start([&]() -> absl::StatusOr<std::unique_ptr<engine::Engine>> {
    return SplitEngine::start(split, needs.events, desired);
  });
  if (!started.ok()) return started.status();
  parts.engine = *std::move(started);
  SupervisorHooks hooks;
  hooks.fallback_in_force = needs.fallback_in_force;
  hooks.remember_version = [needs](const std::string& version) {
    const std::lock_guard lock(*needs.notes_lock);
    (void)needs.notes->put_note(kTopic, kVersionNote, version);
  };
  const OnEngine on_engine = [thread = parts.engine.get()](const std::function<void(SplitEngine&)>& act) {
    thread->call([&act](engine::Engine& engine) { act(static_cast<SplitEngine&>(engine)); });
  };
  parts.supervisor = std::make_unique<SplitSupervisor>(on_engine, needs.events, std::move(hooks));
  return parts;
}

namespace {

void say_what_solo_lacks(const Options& options, const engine::EngineOptions& engine) {
  spdlog::info("node {}: {} worker(s), {} sessions each, {} MiB", options.node, engine.workers,
               engine.sessions_per_worker, engine.memory_mib);
  spdlog::warn(
      "solo mode: ports, sessions and API live and die with this process; no standby engine, no hot upgrade");
  if (!engine.huge_pages) {
    spdlog::warn(
        "no huge pages: tables above the L2 cache are slow; {} MiB of 2 MiB pages would do (echo {} > "
        "/proc/sys/vm/nr_hugepages)",
        engine.memory_mib, engine.memory_mib / 2 + 64);
  }
}

absl::StatusOr<SplitParts> start_solo(const Options& options, const DesiredState* state) {
  const engine::EngineOptions wanted = engine_options(options, free_huge_mib());
  say_what_solo_lacks(options, wanted);
  auto started =
      EngineThread::start([&wanted] { return engine::Engine::start(wanted, services::make_builder()); });
  if (!started.ok()) return started.status();
  auto supervisor = std::make_unique<SoloSupervisor>(**started, state);
  return SplitParts{*std::move(started), std::move(supervisor)};
}

}  // namespace

absl::StatusOr<SplitParts> start_engines(const Options& options, const SplitNeeds& needs) {
  const absl::StatusOr<ModeChoice> choice = choose_mode(options);
  if (!choice.ok()) return choice.status();
  if (!choice->split) {
    spdlog::info("solo mode: {}", choice->why);
    return start_solo(options, needs.state);
  }
  spdlog::info("split mode: ports and engines outlive this process{}{}", choice->why.empty() ? "" : "; ",
               choice->why);
  return start_split(options, needs);
}

std::vector<ChildOutput> child_outputs(Supervisor& supervisor) {
  std::vector<ChildOutput> all;
  const EngineView ports = supervisor.ports();
  if (!ports.log.empty()) all.push_back({ports.log, "ports", ports.version, ""});
  for (const EngineView& engine : supervisor.engines()) {
    if (!engine.log.empty())
      all.push_back({engine.log, "engine", engine.version, absl::StrCat("slot ", engine.slot)});
  }
  return all;
}

std::vector<EngineView> SoloSupervisor::engines() {
  EngineView view;
  view.version = kVersion;
  view.path = self();
  view.state = "active";
  view.pid = getpid();
  view.started_at = started_;
  // The engine's own word, as in split mode.
  view.generation = engine_.call([](engine::Engine& engine) { return engine.figures().generation; });
  if (const auto now = state_ == nullptr ? nullptr : state_->now();
      now != nullptr && now->in_force && now->generation == view.generation)
    view.applied_at = now->in_force_since;
  view.not_enforced = {"processes of their own: solo mode"};
  return {view};
}

// Without node memory there are no beats; turns stand in for them.
std::vector<BeatView> SoloSupervisor::beats() {
  const engine::Figures figures = engine_.call([](engine::Engine& engine) { return engine.figures(); });
  std::vector<BeatView> all;
  for (const engine::WorkerFigures& worker : figures.workers)
    all.push_back({worker.worker, worker.turns + worker.sleeps, 0, "", true});
  return all;
}

std::string SoloSupervisor::active_version() { return kVersion; }
absl::Status SoloSupervisor::preflight(const UpgradeOrder&) { return absl::FailedPreconditionError(kSolo); }
absl::Status SoloSupervisor::upgrade(const UpgradeOrder&, const UpgradeProgressFn&) {
  return absl::FailedPreconditionError(kSolo);
}
absl::Status SoloSupervisor::rollback(const std::string&, const UpgradeProgressFn&) {
  return absl::FailedPreconditionError(kSolo);
}
absl::Status SoloSupervisor::may_roll_back() { return absl::FailedPreconditionError(kSolo); }

}  // namespace outrigger::agent
