#include "host/observer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "measure/clock.h"
#include "measure/lines.h"

namespace outrigger::host {

namespace {

constexpr size_t kLongestLine = size_t{1} << 20;
constexpr double kCpuLimit = 0.01;
constexpr uint64_t kMemoryLimit = uint64_t{64} << 20;

// In the child: only what may be done after a fork.
[[noreturn]] void become(const std::string& program, const std::vector<std::string>& words, int out) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)signal(SIGPIPE, SIG_DFL);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) execv(program.c_str(), argv.data());
  _exit(127);
}

}  // namespace

Observer::Observer(pid_t child, Descriptor words)
    : run_(measure::clock_ns(CLOCK_REALTIME) / 1000), child_(child), words_(std::move(words)) {}

absl::StatusOr<std::unique_ptr<Observer>> Observer::start(const ObserverOptions& options) {
  std::vector<std::string> words = {options.program,        "observe",  "--agent",
                                    absl::StrCat(getpid()), "--cgroup", options.name};
  if (!options.work.empty()) {
    for (const std::string& word :
         {std::string("--work"), options.work, std::string("--rate"), absl::StrCat(options.rate)})
      words.push_back(word);
  }
  if (!options.sandbox) words.emplace_back("--no-sandbox");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  Descriptor ours(ends[0]);
  const Descriptor its(ends[1]);
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "fork");
  if (child == 0) become(options.program, words, its.get());
  return std::unique_ptr<Observer>(new Observer(child, std::move(ours)));
}

Observer::~Observer() {
  (void)kill(child_, SIGTERM);
  (void)waitpid(child_, nullptr, 0);  // it removes its cgroup; then the pipe ends, and with it our thread
  if (thread_.joinable()) thread_.join();
}

void Observer::listen() {
  thread_ = std::thread([this] { take_all(); });
}

void Observer::take_all() {
  std::string text;
  std::array<char, 16 << 10> bytes;
  for (;;) {
    const ssize_t size = read(words_.get(), bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(bytes.data(), static_cast<size_t>(size));
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      take(text.substr(0, end), static_cast<int64_t>(measure::now_ns()));
    if (text.size() > kLongestLine) text.clear();  // what is left of it is refused as no line
  }
  const std::lock_guard guard(lock_);
  ended_ = true;
}

void Observer::take(const std::string& line, int64_t now_ns) {
  const measure::Json json = measure::Json::parse(line, nullptr, false);
  const std::lock_guard guard(lock_);
  if (json.is_object() && json.contains("enforced")) {
    bounds_ = line;
    return;
  }
  absl::Status status;
  const size_t number = json.is_object() && json.contains("window") && json["window"].is_number_unsigned()
                            ? json["window"].get<size_t>()
                            : 0;
  const measure::Window window = measure::read_window(json, number, "window", status);
  if (!status.ok()) {
    ++refused_;
    return;
  }
  ++last_;
  kept_.push_back({last_, now_ns - static_cast<int64_t>(window.length_ms) * 1'000'000, line});
  if (kept_.size() > kKept) kept_.pop_front();
  cpu_sum_ += window.own_cpu;
  cpu_most_ = std::max(cpu_most_, window.own_cpu);
  memory_most_ = std::max(memory_most_, window.own_memory);
}

std::vector<Observed> Observer::since(uint64_t cursor, size_t most) const {
  const std::lock_guard guard(lock_);
  std::vector<Observed> out;
  for (const Kept& one : kept_) {
    if (one.cursor <= cursor) continue;
    if (out.size() == most) break;
    const measure::Json json = measure::Json::parse(one.line, nullptr, false);
    absl::Status status;
    out.push_back({one.cursor, one.start_ns,
                   measure::read_window(json, json["window"].get<size_t>(), "window", status)});
  }
  return out;
}

std::string Observer::figure() const {
  const std::lock_guard guard(lock_);
  if (last_ == 0) return "";
  return absl::StrFormat(
      "the agent took %.2f %% of a CPU on the average, %.2f %% at most in a second (bound %g %%), "
      "and %.1f MiB (bound %d MiB)",
      100 * cpu_sum_ / static_cast<double>(last_), 100 * cpu_most_, 100 * kCpuLimit,
      static_cast<double>(memory_most_) / (1 << 20), kMemoryLimit >> 20);
}

std::string Observer::status_json() const {
  const std::lock_guard guard(lock_);
  measure::Json out = {
      {"running", !ended_},     {"windows", last_},
      {"refused", refused_},    {"cpu", last_ == 0 ? 0 : cpu_sum_ / static_cast<double>(last_)},
      {"cpu_most", cpu_most_},  {"cpu_limit", kCpuLimit},
      {"memory", memory_most_}, {"memory_limit", kMemoryLimit}};
  const measure::Json bounds = measure::Json::parse(bounds_, nullptr, false);
  for (const char* list : {"enforced", "not_enforced", "missing"})
    out[list] = bounds.is_object() && bounds.contains(list) ? bounds[list] : measure::Json::array();
  return measure::dump(out);
}

}  // namespace outrigger::host
