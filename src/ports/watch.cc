#include "ports/watch.h"

#include <poll.h>

#include "base/program.h"

#include <algorithm>
#include <optional>

namespace outrigger::ports {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kLookEveryMs = 1;
constexpr int kIdleMs = 20;                   // nobody attached
constexpr auto kOverslept = milliseconds(5);  // then what we saw says nothing about the engines

}  // namespace

Watch::~Watch() { stop(); }

void Watch::stop() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
}

void Watch::start() {
  thread_ = std::thread([this] { run(); });
}

void Watch::run() {
  take_watch();  // a worker that spins would not let it look
  auto last = steady_clock::now();
  while (!stop_.load()) {
    wait_and_bury();
    const auto now = steady_clock::now();
    if (now - last > kOverslept) {
      for (BeatJudge& one : judges_) one.restart(now);
    }
    last = now;
    if (const engine::NodeMemory* memory = memory_.load()) look_at_beats(*memory, now);
  }
}

// Sleeps until it is time to look again or an engine's process ends, whichever comes first.
void Watch::wait_and_bury() {
  const std::vector<Member> members = roster_.all();
  std::vector<pollfd> deaths;
  for (const Member& one : members) deaths.push_back({one.process->get(), POLLIN, 0});
  if (::poll(deaths.data(), deaths.size(), members.empty() ? kIdleMs : kLookEveryMs) <= 0) return;
  for (size_t i = 0; i < members.size(); ++i) {
    if (deaths[i].revents != 0) takeover_.ended(members[i], silent_ms_of(members[i].slot));
  }
}

// A process is known to have ended only once its memory is gone, which is later than its last turn.
double Watch::silent_ms_of(uint32_t slot) const {
  const engine::NodeMemory* const memory = memory_.load();
  const auto now = steady_clock::now();
  std::optional<std::chrono::nanoseconds> least;
  for (unsigned worker = 0; memory != nullptr && worker < judges_.size(); ++worker) {
    if (memory->word(worker).owner.load() != slot) continue;
    const auto silent = judges_[worker].silent(now);
    least = least ? std::min(*least, silent) : silent;
  }
  return least ? std::chrono::duration<double, std::milli>(*least).count() : 0;
}

void Watch::look_at_beats(const engine::NodeMemory& memory, SteadyTime now) {
  const unsigned workers = memory.sizes().workers;
  while (judges_.size() < workers) judges_.emplace_back(limits_);
  for (unsigned worker = 0; worker < workers; ++worker) {
    const engine::WorkerWord& word = memory.word(worker);
    const Look look{word.owner.load(), word.thread.load(), word.beat.load(),
                    static_cast<engine::Doing>(word.doing.load())};
    const auto engine = look.owner == engine::kNobody ? std::nullopt : roster_.find(look.owner);
    if (!engine) {
      judges_[worker].restart(now);
      continue;
    }
    if (look.thread == 0) engine::wake_sleepers(word.owner);  // whoever gave it the word may have died since
    const Verdict verdict =
        judges_[worker].look(look, now, [&] { return thread_state(engine->pid, look.thread, workers == 1); });
    const auto silent = judges_[worker].silent(now);
    silent_us_[worker].store(static_cast<uint64_t>(silent.count() / 1000));
    if (verdict == Verdict::kStarved) starved(*engine, silent);
    if (verdict != Verdict::kStalled) continue;
    takeover_.stalled(*engine, std::chrono::duration<double, std::milli>(silent).count());
    for (BeatJudge& one : judges_) one.restart(steady_clock::now());
    return;
  }
}

void Watch::starved(const Member& engine, std::chrono::nanoseconds silent) {
  engine::v1::PortsEvent event;
  event.set_kind(engine::v1::PortsEvent::STARVED);
  event.set_slot(engine.slot);
  event.set_version(engine.version);
  event.set_pid(engine.pid);
  event.set_subject(engine.instance);
  event.set_milliseconds(std::chrono::duration<double, std::milli>(silent).count());
  events_.tell(std::move(event));
}

}  // namespace outrigger::ports
