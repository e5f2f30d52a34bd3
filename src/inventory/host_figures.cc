#include "inventory/host_figures.h"

#include <sys/utsname.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "procfs/folder.h"
#include "procfs/printable.h"

namespace outrigger::inventory {

namespace {

// The value behind "key" and a colon; "" when there is none.
std::string value_of(const std::string& file, absl::string_view key) {
  const auto text = procfs::read_file(file, 1u << 16);
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::ConsumePrefix(&line, key)) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (absl::ConsumePrefix(&line, ":")) return std::string(absl::StripAsciiWhitespace(line));
  }
  return "";
}

uint64_t memory_of(const std::string& root) {
  const std::string text = value_of(absl::StrCat(root, "/meminfo"), "MemTotal");
  uint64_t kib = 0;
  return absl::SimpleAtoi(absl::StripSuffix(text, " kB"), &kib) ? kib << 10 : 0;
}

struct Shares {
  double busy = 0, softirq = 0, all = 0;
};

double grown(uint64_t before, uint64_t now) { return now > before ? static_cast<double>(now - before) : 0; }

// Guests' time is in user and nice already (proc(5)).
Shares shares_of(const procfs::HostCounts* before, const procfs::HostCounts& now) {
  Shares sum;
  for (const auto& [cpu, times] : now.cpu) {
    procfs::CpuTimes then;
    if (before != nullptr && before->cpu.contains(cpu)) then = before->cpu.at(cpu);
    const double softirq = grown(then.softirq, times.softirq);
    const double busy = grown(then.user, times.user) + grown(then.nice, times.nice) +
                        grown(then.system, times.system) + grown(then.irq, times.irq) + softirq +
                        grown(then.steal, times.steal);
    sum.busy += busy;
    sum.softirq += softirq;
    sum.all += busy + grown(then.idle, times.idle) + grown(then.iowait, times.iowait);
  }
  return sum;
}

}  // namespace

void describe_host(const std::string& root, const std::optional<procfs::HostCounts>& before,
                   const procfs::HostCounts& now, offload::Inventory& to) {
  utsname names{};
  if (::uname(&names) == 0) {
    to.host = procfs::printable(names.nodename);
    to.kernel = procfs::printable(names.release);
    to.machine = names.machine;
  }
  const std::string model = value_of(absl::StrCat(root, "/cpuinfo"), "model name");
  if (!model.empty()) to.machine = procfs::printable(model);
  to.taken_at = absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone());
  to.cpus = std::max<uint32_t>(1, static_cast<uint32_t>(now.cpu.size()));
  to.memory = memory_of(root);
  const Shares shares = shares_of(before ? &*before : nullptr, now);
  if (shares.all <= 0) return;
  to.cpu_busy = shares.busy / shares.all;
  to.softirq = shares.softirq / shares.all;
}

double uptime(const std::string& root) {
  const auto text = procfs::read_file(absl::StrCat(root, "/uptime"), 128);
  if (!text.ok()) return 0;
  const std::vector<absl::string_view> fields = absl::StrSplit(*text, ' ');
  double seconds = 0;
  return absl::SimpleAtod(fields[0], &seconds) && seconds > 0 ? seconds : 0;
}

}  // namespace outrigger::inventory
