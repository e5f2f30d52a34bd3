#include "procfs/host.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace outrigger::procfs {

namespace {

using Words = std::vector<absl::string_view>;

class Look {
 public:
  Look(const std::string& root, HostCounts& out) : root_(root), out_(out) {}

  void stat();
  void schedstat();
  void softirqs();
  void pressure();

 private:
  // Nothing, and it is named as missing, when it cannot be read.
  std::optional<std::string> text_of(const std::string& name);
  void missing(const std::string& name, const std::string& why) {
    out_.missing.push_back(absl::StrCat(root_, "/", name, ": ", why));
  }

  const std::string& root_;
  HostCounts& out_;
};

std::optional<std::string> Look::text_of(const std::string& name) {
  errno = 0;
  std::ifstream file(absl::StrCat(root_, "/", name));
  std::stringstream text;
  if (file.is_open()) text << file.rdbuf();
  if (file.is_open() && !file.bad() && text.tellp() > 0) return text.str();
  missing(name, errno == 0 ? "empty" : strerror(errno));  // EOPNOTSUPP: pressure that was switched off
  return std::nullopt;
}

Words words_of(absl::string_view line) {
  return absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
}

uint64_t number_at(const Words& words, size_t at) {
  uint64_t number = 0;
  return at < words.size() && absl::SimpleAtoi(words[at], &number) ? number : 0;
}

// "cpu12" is CPU 12; "cpu" alone, the sum of all, is none.
bool is_cpu(absl::string_view word, uint32_t& cpu) {
  return absl::ConsumePrefix(&word, "cpu") && absl::SimpleAtoi(word, &cpu);
}

// Columns by proc(5); guest time is contained in user's.
CpuTimes times_of(const Words& words) {
  return {.user = number_at(words, 1),
          .nice = number_at(words, 2),
          .system = number_at(words, 3),
          .idle = number_at(words, 4),
          .iowait = number_at(words, 5),
          .irq = number_at(words, 6),
          .softirq = number_at(words, 7),
          .steal = number_at(words, 8)};
}

void Look::stat() {
  const auto text = text_of("stat");
  if (!text.has_value()) return;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const Words words = words_of(absl::StartsWith(line, "intr") ? line.substr(0, 40) : line);  // it is long
    uint32_t cpu = 0;
    if (words.size() >= 5 && is_cpu(words[0], cpu)) out_.cpu[cpu] = times_of(words);
    if (words.size() >= 2 && words[0] == "ctxt") out_.switches = number_at(words, 1);
    if (words.size() >= 2 && words[0] == "intr") out_.interrupts = number_at(words, 1);
  }
  if (out_.cpu.empty()) missing("stat", "no CPU in it");
}

// Since version 15 the 9 numbers behind "cpuN" are: ..., time run, time waited (8th, ns), turns.
void Look::schedstat() {
  const auto text = text_of("schedstat");
  if (!text.has_value()) return;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const Words words = words_of(line);
    uint32_t cpu = 0;
    if (words.size() >= 9 && is_cpu(words[0], cpu)) out_.run_queue_wait_ns[cpu] = number_at(words, 8);
  }
  if (out_.run_queue_wait_ns.empty()) missing("schedstat", "no CPU in it");
}

void Look::softirqs() {
  const auto text = text_of("softirqs");
  if (!text.has_value()) return;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const Words words = words_of(line);
    if (words.size() < 2 || !absl::EndsWith(words[0], ":")) continue;  // the head names CPUs
    uint64_t& sum = out_.softirqs[std::string(absl::StripSuffix(words[0], ":"))];
    for (size_t i = 1; i < words.size(); ++i) sum += number_at(words, i);
  }
}

void Look::pressure() {
  for (const char* of : {"cpu", "memory", "io"}) {
    const auto text = text_of(absl::StrCat("pressure/", of));
    if (!text.has_value()) continue;
    for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
      const size_t at = line.rfind("total=");
      uint64_t total = 0;
      if (at != absl::string_view::npos && absl::SimpleAtoi(line.substr(at + 6), &total))
        out_.pressure_us[absl::StrCat(of, ".", words_of(line)[0])] = total;
    }
  }
}

}  // namespace

HostCounts read_host(const std::string& root) {
  HostCounts out;
  Look look(root, out);
  look.stat();
  look.schedstat();
  look.softirqs();
  look.pressure();
  return out;
}

}  // namespace outrigger::procfs
