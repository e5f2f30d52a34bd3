#include "procfs/process_text.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "procfs/printable.h"

namespace outrigger::procfs {

namespace {

constexpr uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h

// absl's own views are not std's on every system.
absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }

std::vector<absl::string_view> fields_of(std::string_view text) {
  return absl::StrSplit(view(text), absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
}

template <typename T>
bool number(absl::string_view text, T& to) {
  return absl::SimpleAtoi(text, &to);
}

}  // namespace

std::optional<Stat> parse_stat(std::string_view text) {
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == text.npos || close == text.npos || close < open) return std::nullopt;
  const std::vector<absl::string_view> fields = fields_of(text.substr(close + 1));
  if (fields.size() < 22) return std::nullopt;  // up to rss, field 24
  Stat stat;
  uint64_t flags = 0, user = 0, system = 0;
  int64_t resident = 0;
  if (!number(fields[1], stat.parent) || !number(fields[6], flags) || !number(fields[11], user) ||
      !number(fields[12], system) || !number(fields[17], stat.threads) ||
      !number(fields[19], stat.start_ticks) || !number(fields[21], resident))
    return std::nullopt;
  stat.name = printable(text.substr(open + 1, close - open - 1));
  stat.kernel = (flags & kKernelThread) != 0;
  // A leader that has ended may have threads that go on.
  stat.ended = (fields[0] == "Z" || fields[0] == "X") && stat.threads <= 1;
  stat.cpu_ticks = user + system;
  stat.resident_pages = resident > 0 ? static_cast<uint64_t>(resident) : 0;
  return stat;
}

bool parse_status(std::string_view text, Process& to) {
  bool found = false;
  for (absl::string_view line : absl::StrSplit(view(text), '\n')) {
    if (absl::ConsumePrefix(&line, "Uid:")) {
      const auto ids = fields_of({line.data(), line.size()});
      found = ids.size() >= 2 && number(ids[1], to.uid);
    } else if (absl::ConsumePrefix(&line, "CapEff:")) {
      (void)absl::SimpleHexAtoi(absl::StripAsciiWhitespace(line), &to.capabilities);
    } else if (absl::ConsumePrefix(&line, "Cpus_allowed_list:")) {
      line = absl::StripAsciiWhitespace(line);
      to.cpus_allowed = count_list({line.data(), line.size()});
    }
  }
  return found;
}

void add_switches(std::string_view text, Activity& to) {
  const auto add = [](absl::string_view line, absl::string_view key, uint64_t& sum) {
    uint64_t value = 0;
    if (absl::ConsumePrefix(&line, key) && number(absl::StripAsciiWhitespace(line), value)) sum += value;
  };
  // They stand at the very end.
  const size_t from = text.rfind("\nvoluntary_ctxt_switches:");
  if (from == text.npos) return;
  for (const absl::string_view line : absl::StrSplit(view(text.substr(from + 1)), '\n')) {
    add(line, "voluntary_ctxt_switches:", to.voluntary);
    add(line, "nonvoluntary_ctxt_switches:", to.involuntary);
  }
}

bool add_schedstat(std::string_view text, Activity& to) {
  const auto fields = fields_of(text);
  uint64_t ran = 0, waited = 0;
  if (fields.size() < 2 || !number(fields[0], ran) || !number(fields[1], waited)) return false;
  to.cpu_ns += ran;
  to.run_queue_wait_ns += waited;
  return true;
}

void parse_cgroup(std::string_view text, Process& to) {
  std::string unified, named;
  for (const absl::string_view line : absl::StrSplit(view(text), '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::string path = printable({parts[2].data(), parts[2].size()}, 4096);
    if (parts[0] == "0" && parts[1].empty()) unified = path;
    if (parts[1] == "name=systemd") named = path;
    for (const absl::string_view controller : absl::StrSplit(parts[1], ',')) {
      if (controller == "cpu") to.cpu_cgroup = path;
    }
  }
  const bool root = unified.empty() || unified == "/";
  to.cgroup = root && !named.empty() ? named : unified;
}

std::string parse_line(std::string_view cmdline) {
  while (!cmdline.empty() && cmdline.back() == '\0') cmdline.remove_suffix(1);
  std::string words(cmdline);
  for (char& c : words) c = c == '\0' ? ' ' : c;
  return printable(words, 1024);
}

uint64_t parse_namespace(std::string_view link) {
  const size_t open = link.find(":["), close = link.rfind(']');
  uint64_t inode = 0;
  if (open == link.npos || close == link.npos || close < open + 2) return 0;
  return number(view(link.substr(open + 2, close - open - 2)), inode) ? inode : 0;
}

uint32_t count_list(std::string_view list) {
  uint64_t count = 0;
  for (const absl::string_view part : absl::StrSplit(view(list), ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    uint32_t first = 0, last = 0;
    if (ends.size() > 2 || !number(ends[0], first) || !number(ends.back(), last) || last < first) return 0;
    count += uint64_t{last} - first + 1;
  }
  return count > UINT32_MAX ? 0 : static_cast<uint32_t>(count);
}

}  // namespace outrigger::procfs
