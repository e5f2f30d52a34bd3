// One window as a line of JSON, and back.
#include "absl/strings/str_cat.h"
#include "measure/lines.h"

namespace outrigger::measure {

namespace {

constexpr double kMostShare = 1.05;  // ticks and windows do not end together

Json json_of(const CpuShares& shares) {
  return {{"user", shares.user},       {"nice", shares.nice},    {"system", shares.system},
          {"softirq", shares.softirq}, {"irq", shares.irq},      {"steal", shares.steal},
          {"idle", shares.idle},       {"iowait", shares.iowait}};
}

CpuShares read_shares(const Json& json, const std::string& where, absl::Status& status) {
  Fields fields(json, where, status);
  const auto share = [&](std::string_view name) { return fields.number(name, 0, kMostShare); };
  CpuShares out;
  out.user = share("user");
  out.nice = share("nice");
  out.system = share("system");
  out.softirq = share("softirq");
  out.irq = share("irq");
  out.steal = share("steal");
  out.idle = share("idle");
  out.iowait = share("iowait");
  fields.nothing_else();
  const double sum =
      out.user + out.nice + out.system + out.softirq + out.irq + out.steal + out.idle + out.iowait;
  if (sum > 2 * kMostShare - 1 && status.ok())
    status = absl::InvalidArgumentError(absl::StrCat(where, ": its shares add up to ", sum, ", not to 1"));
  return out;
}

template <typename Value>
Json by_cpu(const std::map<uint32_t, Value>& values, auto to_json) {
  Json out = Json::object();
  for (const auto& [cpu, value] : values) out[absl::StrCat(cpu)] = to_json(value);
  return out;
}

// Calls take(cpu, key) for each.
void each_cpu(const Json& json, const std::string& where, absl::Status& status, auto take) {
  for (const auto& [key, value] : json.items()) {
    uint32_t cpu = 0;
    if (cpu_of(key, cpu)) {
      take(cpu, key);
    } else if (status.ok()) {
      status = absl::InvalidArgumentError(absl::StrCat(where, ": \"", key, "\" is no number of a CPU"));
    }
  }
}

std::map<std::string, double> numbers_of(const Json& json, const std::string& where, absl::Status& status) {
  std::map<std::string, double> out;
  Fields fields(json, where, status);
  for (const auto& [key, value] : json.items()) out[key] = fields.number(key);
  return out;
}

}  // namespace

Json json_of(const Window& window, size_t number) {
  return {{"window", number},
          {"start_ms", window.start_ms},
          {"length_ms", window.length_ms},
          {"clock_step_us", window.clock_step_us},
          {"cpu", by_cpu(window.cpu, [](const CpuShares& shares) { return json_of(shares); })},
          {"run_queue_wait", by_cpu(window.run_queue_wait, [](double wait) { return Json(wait); })},
          {"gaps", window.gaps.text()},
          {"spun", window.spun},
          {"wakeups", window.wakeups.text()},
          {"switches", window.switches},
          {"interrupts", window.interrupts},
          {"softirqs", window.softirqs},
          {"pressure", window.pressure},
          {"latency", window.latency.text()},
          {"sent", window.sent},
          {"failed", window.failed},
          {"own_cpu", window.own_cpu},
          {"own_memory", window.own_memory}};
}

Window read_window(const Json& line, size_t number, const std::string& where, absl::Status& status) {
  Fields fields(line, where, status);
  Window out;
  if (fields.count("window") != number && status.ok())
    status = absl::InvalidArgumentError(absl::StrCat(where, ": window ", number, " expected here"));
  out.start_ms = fields.count("start_ms");
  out.length_ms = fields.count("length_ms");
  out.clock_step_us = fields.whole("clock_step_us", -static_cast<int64_t>(kMostNumber));
  const Json& cpus = fields.object("cpu");
  each_cpu(cpus, where, status, [&](uint32_t cpu, const std::string& key) {
    out.cpu[cpu] = read_shares(cpus[key], absl::StrCat(where, ": cpu ", key), status);
  });
  const Json& waits = fields.object("run_queue_wait");
  Fields wait(waits, absl::StrCat(where, ": run_queue_wait"), status);
  each_cpu(waits, wait.where(), status,
           [&](uint32_t cpu, const std::string& key) { out.run_queue_wait[cpu] = wait.number(key); });
  out.gaps = fields.sketch("gaps");
  out.spun = fields.number("spun");
  out.wakeups = fields.sketch("wakeups");
  out.switches = fields.number("switches");
  out.interrupts = fields.number("interrupts");
  out.softirqs = numbers_of(fields.object("softirqs"), absl::StrCat(where, ": softirqs"), status);
  out.pressure = numbers_of(fields.object("pressure"), absl::StrCat(where, ": pressure"), status);
  out.latency = fields.sketch("latency");
  out.sent = fields.count("sent", kMostCount);
  out.failed = fields.count("failed", kMostCount);
  out.own_cpu = fields.number("own_cpu");
  out.own_memory = fields.count("own_memory");
  fields.nothing_else();
  return out;
}

}  // namespace outrigger::measure
