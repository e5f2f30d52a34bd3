#include "ports/machine.h"

#include <poll.h>
#include <rte_cycles.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ports/pool.h"

namespace outrigger::ports {

namespace {

using engine::v1::PortsEvent;
using std::chrono::steady_clock;

constexpr std::array kDoing = {"nothing", "turning", "resting", "leaving"};

double seconds_since(SteadyTime then) {
  return std::chrono::duration<double>(steady_clock::now() - then).count();
}

bool has_ended(int process) {
  pollfd death{process, POLLIN, 0};
  return ::poll(&death, 1, 0) == 1;
}

// Whether a thread of an engine has this id.
bool is_engine_thread(uint32_t thread) {
  std::ifstream status(absl::StrCat("/proc/", thread, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    if (!line.starts_with("Tgid:")) continue;
    std::string name;
    std::getline(std::ifstream(absl::StrCat("/proc/", line.substr(6), "/comm")), name);
    return name.starts_with("outrigger-engin");
  }
  return false;
}

}  // namespace

Machine::Machine(const Options& options, Surroundings surroundings, Devices& devices, Roster& roster,
                 Takeover& takeover, Watch& watch, Events& events)
    : options_(options),
      surroundings_(std::move(surroundings)),
      devices_(devices),
      roster_(roster),
      takeover_(takeover),
      watch_(watch),
      events_(events) {}

absl::StatusOr<Attached> Machine::attach(const engine::v1::AttachCall& call, pid_t pid) {
  if (absl::Status status = need_memory(); !status.ok()) return status;
  if (absl::Status status = nobody_unknown_runs(); !status.ok()) return status;
  auto process = std::make_shared<const Descriptor>(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!*process || has_ended(process->get()))
    return absl::UnavailableError(absl::StrCat("process ", pid, " is gone"));
  auto member = roster_.add({.pid = pid,
                             .process = std::move(process),
                             .version = call.version(),
                             .instance = call.instance(),
                             .attached = steady_clock::now()});
  if (!member.ok()) return member.status();
  takeover_.vacate(member->slot);
  tell_engine(*member);
  PortsEvent event;
  event.set_kind(PortsEvent::ATTACHED);
  event.set_slot(member->slot);
  event.set_version(member->version);
  event.set_pid(pid);
  event.set_subject(member->instance);
  events_.tell(std::move(event));
  Attached out;
  out.memory = memory_->fd();
  out.reply.set_slot(member->slot);
  out.reply.set_file_prefix(surroundings_.prefix);
  out.reply.set_runtime_folder(options_.folder);
  out.reply.set_huge_folder(surroundings_.huge_folder);
  out.reply.set_pool(kPoolName);
  out.reply.set_workers(memory_->sizes().workers);
  for (const unsigned cpu : options_.worker_cpus) out.reply.add_worker_cpus(cpu);
  for (const std::string& one : options_.eal) out.reply.add_eal(one);
  return out;
}

absl::Status Machine::need_memory() {
  if (memory_ != nullptr) return absl::OkStatus();
  auto made = engine::NodeMemory::create(options_.sizes, true);
  if (absl::IsResourceExhausted(made.status())) {
    spdlog::warn("{}; ordinary pages are used, which are slower", std::string(made.status().message()));
    made = engine::NodeMemory::create(options_.sizes, false);
  }
  if (!made.ok()) return made.status();
  made->start_clock(rte_rdtsc(), rte_get_tsc_hz());
  use(*std::move(made));
  return absl::OkStatus();
}

void Machine::use(engine::NodeMemory memory) {
  memory_ = std::make_unique<engine::NodeMemory>(std::move(memory));
  takeover_.use(*memory_);
  watch_.use(*memory_);
  tell_memory();
}

// An engine that our predecessor served goes on after its death.  Two that own the same queues are one too
// many: it has to be given to us with the memory, or be ended first.
absl::Status Machine::nobody_unknown_runs() const {
  for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
    const engine::WorkerWord& word = memory_->word(worker);
    const uint32_t thread = word.thread.load();
    if (word.owner.load() == engine::kNobody || thread == 0 || roster_.find(word.owner.load())) continue;
    if (is_engine_thread(thread)) {
      return absl::FailedPreconditionError(
          absl::StrCat("an engine that is not known here still has the queues (thread ", thread,
                       "): give it back with the memory, or end it first"));
    }
  }
  return absl::OkStatus();
}

void Machine::take_back(const std::string& name, Descriptor kept) {
  absl::Status status;
  if (name == "memory") {
    status = take_back_memory(std::move(kept));
  } else if (name.starts_with("engine ")) {
    status = take_back_engine(name, std::move(kept));
  } else {
    status = devices_.take_back(name, std::move(kept));
  }
  if (status.ok()) return;
  spdlog::warn("{} is not taken back: {}", name, std::string(status.message()));
  PortsEvent event;
  event.set_kind(PortsEvent::RELEASE);
  event.set_subject(name);
  event.set_detail(std::string(status.message()));
  events_.tell(std::move(event));
}

absl::Status Machine::take_back_memory(Descriptor kept) {
  if (memory_ != nullptr) return absl::FailedPreconditionError("there is node memory already");
  auto mapped = engine::NodeMemory::map(kept.release());
  if (!mapped.ok()) return mapped.status();
  const engine::WorkerSizes& sizes = mapped->sizes();
  if (!(sizes == options_.sizes)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the memory given back is for ", sizes.workers, " workers, ", sizes.sessions,
                     " sessions and ", sizes.rules, " rules: start with the same, or without it"));
  }
  use(*std::move(mapped));
  return absl::OkStatus();
}

absl::Status Machine::take_back_engine(const std::string& name, Descriptor kept) {
  const std::vector<std::string> words = absl::StrSplit(name, ' ');
  Member engine;
  if (words.size() != 5 || !absl::SimpleAtoi(words[1], &engine.slot) ||
      !absl::SimpleAtoi(words[2], &engine.pid))
    return absl::InvalidArgumentError(absl::StrCat("\"", name.substr(0, 64), "\" names no engine"));
  if (has_ended(kept.get())) return absl::NotFoundError("it has ended");
  engine.version = words[3];
  engine.instance = words[4];
  engine.attached = steady_clock::now();
  engine.process = std::make_shared<const Descriptor>(std::move(kept));
  absl::Status status = roster_.add_foreign(engine);
  if (status.ok()) tell_engine(engine);
  return status;
}

void Machine::ready(uint32_t slot) {
  takeover_.ready(slot);
  if (!roster_.any_foreign()) devices_.forget_kept();
}

void Machine::tell_kept() {
  if (memory_ != nullptr) tell_memory();
  devices_.tell_kept();
  for (const Member& one : roster_.all()) tell_engine(one);
}

void Machine::tell_memory() {
  PortsEvent event;
  event.set_kind(PortsEvent::KEEP);
  event.set_subject("memory");
  events_.tell(std::move(event), memory_->fd());
}

void Machine::tell_engine(const Member& engine) {
  PortsEvent event;
  event.set_kind(PortsEvent::KEEP);
  event.set_subject(kept_name(engine));
  event.set_slot(engine.slot);
  event.set_pid(engine.pid);
  events_.tell(std::move(event), engine.process->get());
}

absl::Status Machine::end(uint32_t slot, bool kill) {
  const auto engine = roster_.find(slot);
  if (!engine) return absl::NotFoundError(absl::StrCat("no engine is attached in slot ", slot));
  (void)::syscall(SYS_pidfd_send_signal, engine->process->get(), kill ? SIGKILL : SIGTERM, nullptr, 0);
  return absl::OkStatus();
}

void Machine::describe(engine::v1::PortsStatus& status) {
  status.set_version(OUTRIGGER_PORTS_VERSION);
  status.set_pid(::getpid());
  status.set_buffers(devices_.buffers());
  status.set_buffers_in_use(devices_.buffers_in_use());
  status.set_sessions_per_worker(options_.sizes.sessions);
  status.set_up_for(seconds_since(started_));
  for (const std::string& one : surroundings_.enforced) status.add_enforced(one);
  for (const std::string& one : surroundings_.not_enforced) status.add_not_enforced(one);
  const uint32_t owner = memory_ == nullptr ? engine::kNobody : engine::Ownership(*memory_).owner();
  for (const Member& one : roster_.all()) {
    engine::v1::AttachedEngine& added = *status.add_engines();
    added.set_slot(one.slot);
    added.set_version(one.version);
    added.set_instance(one.instance);
    added.set_pid(one.pid);
    added.set_active(one.slot == owner);
    added.set_attached_for(seconds_since(one.attached));
  }
  if (memory_ != nullptr) describe_workers(status);
}

void Machine::describe_workers(engine::v1::PortsStatus& status) const {
  for (unsigned worker = 0; worker < memory_->sizes().workers; ++worker) {
    const engine::WorkerWord& word = memory_->word(worker);
    const uint32_t doing = word.doing.load();
    engine::v1::WorkerBeat& added = *status.add_workers();
    added.set_worker(worker);
    added.set_owner(word.owner.load());
    added.set_beat(word.beat.load());
    added.set_silent_ms(watch_.silent_ms(worker));
    added.set_doing(doing < kDoing.size() ? kDoing[doing] : "unknown");
  }
}

}  // namespace outrigger::ports
