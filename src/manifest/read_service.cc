// Service of outrigger.dev/v1alpha1: what must be declared before a service may leave the host.
#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "manifest/readers.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

using Fallback = Service::Fallback;
using Probe = Service::Probe;

constexpr size_t kMaxWords = 64;         // of a command
constexpr size_t kMaxWord = 4096;        // bytes of one
constexpr size_t kMaxFile = 256 * 1024;  // bytes of one file
constexpr uint64_t kLeastMemory = 1 << 20;
constexpr uint64_t kMostMemory = uint64_t{64} << 30;

// What an agent may be given: it works on the DPU's own network, and on nothing else of the node.
constexpr std::array<std::string_view, 10> kCapabilities = {
    "CHOWN",   "DAC_OVERRIDE", "FOWNER", "KILL",    "NET_ADMIN", "NET_BIND_SERVICE",
    "NET_RAW", "SETGID",       "SETUID", "SYS_NICE"};

constexpr uint32_t kLeastInterval = 50, kMostInterval = 3600 * 1000;  // ms

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// "200ms" with its unit: digits, then one of `units`.
std::optional<uint64_t> read_amount(const Spot& at, std::initializer_list<Unit> units, uint64_t least,
                                    uint64_t most, std::string_view example) {
  const Yaml& value = at.value();
  const size_t digits = std::min(value.text.find_first_not_of("0123456789"), value.text.size());
  uint64_t number = 0;
  const bool scalar = value.type == Yaml::Type::kPlain || value.type == Yaml::Type::kQuoted;
  const bool counted =
      scalar && digits > 0 && digits <= 15 && absl::SimpleAtoi(value.text.substr(0, digits), &number);
  for (const Unit& unit : units) {
    if (!counted || std::string_view(value.text).substr(digits) != unit.name) continue;
    if (number < UINT64_MAX / unit.factor && number * unit.factor >= least && number * unit.factor <= most)
      return number * unit.factor;
  }
  at.fault(cat("must be an amount such as ", example));
  return std::nullopt;
}

std::optional<uint64_t> read_duration(const Spot& at) {
  return read_amount(at, {{"ms", 1}, {"s", 1000}, {"m", 60000}}, kLeastInterval, kMostInterval,
                     "200ms, 5s or 1m, from 50ms to 60m");
}

std::string read_word(const Spot& at, size_t most) {
  const std::string text = read_text(at).value_or("");
  if (text.empty()) {
    if (at.value().text.empty()) at.fault("is empty");
  } else if (text.size() > most || text.find('\0') != text.npos) {
    at.fault(cat("must be at most ", most, " bytes without a NUL"));
  }
  return text;
}

std::string read_plain_name(const Spot& at) {
  const std::string text = read_word(at, 63);
  const bool plain = text.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+_-@") == text.npos;
  if (!plain) at.fault("may hold letters, digits and . + _ - @ alone");
  return text;
}

std::vector<std::string> read_command(const Spot& at) {
  std::vector<std::string> command;
  read_list(at, kMaxWords, [&](const Spot& item) {
    const auto text = read_text(item);
    if (text && (text->size() > kMaxWord || text->find('\0') != text->npos))
      item.fault("is too long or holds a NUL");
    command.push_back(text.value_or(""));
  });
  if (at.value().type != Yaml::Type::kList) return command;
  if (command.empty()) {
    at.fault("must have a program");
  } else if (!command[0].starts_with('/')) {
    at.item(0).fault("must be an absolute path, such as /usr/lib/frr/bgpd");
  }
  return command;
}

bool read_flag(const Map& spec, std::string_view key) {
  const auto at = spec.get(key);
  if (!at) return false;
  if (at->value().type == Yaml::Type::kPlain && at->value().text == "true") return true;
  if (at->value().type != Yaml::Type::kPlain || at->value().text != "false")
    at->fault("must be true or false");
  return false;
}

// How each probe reaches the service.
void read_target(const Map& map, const Spot& at, Service::Health& health) {
  const auto need = [&](Probe probe, const char* field) {
    if (health.probe == probe && !map.get(field))
      at.fault_at(at.value().line, field, cat("missing; probe ", text(probe), " needs it"));
  };
  if (const auto command = map.get("command")) health.command = read_command(*command);
  if (const auto address = map.get("address"))
    health.address = read_address(*address).value_or(health.address);
  if (const auto port = map.get("port"))
    health.port = static_cast<uint16_t>(read_number(*port, 1, 65535).value_or(0));
  if (const auto path = map.get("path")) {
    health.path = read_word(*path, 1024);
    if (!health.path.starts_with('/') || health.path.find_first_of(" \r\n\t") != health.path.npos)
      path->fault("must begin with / and hold no blanks");
  }
  if (const auto name = map.get("service")) health.grpc_service = read_word(*name, 253);
  need(Probe::kExec, "command");
  need(Probe::kTcp, "port");
  need(Probe::kHttp, "port");
  need(Probe::kGrpc, "port");
}

Service::Health read_health(const Spot& at) {
  Service::Health health;
  const Map map(at, {"probe", "interval", "timeout", "failAfter", "readyAfter", "command", "address", "port",
                     "path", "service"});
  if (!map.valid()) return health;
  if (const auto probe = map.need("probe")) {
    const auto choice = read_choice(*probe, {"verdict", "loopback", "peer", "exec", "tcp", "http", "grpc"});
    health.probe = static_cast<Probe>(choice.value_or(0));
    if (choice) read_target(map, at, health);
  }
  if (const auto interval = map.need("interval"))
    health.interval_ms = static_cast<uint32_t>(read_duration(*interval).value_or(1000));
  health.timeout_ms = health.interval_ms;
  if (const auto timeout = map.get("timeout"))
    health.timeout_ms = static_cast<uint32_t>(read_duration(*timeout).value_or(1000));
  if (const auto after = map.need("failAfter"))
    health.fail_after = static_cast<uint32_t>(read_number(*after, 1, 100).value_or(3));
  if (const auto after = map.get("readyAfter"))
    health.ready_after = static_cast<uint32_t>(read_number(*after, 1, 100).value_or(3));
  return health;
}

Service::Logs read_logs(const Spot& at) {
  Service::Logs logs;
  const Map map(at, {"owner", "host", "dpu"});
  if (!map.valid()) return logs;
  if (const auto owner = map.need("owner")) logs.owner = read_plain_name(*owner);
  if (const auto host = map.get("host")) logs.host = read_plain_name(*host);
  if (const auto dpu = map.get("dpu")) logs.dpu = read_plain_name(*dpu);
  return logs;
}

std::vector<Fallback> read_fallback(const Spot& at) {
  std::vector<Fallback> list;
  read_list(at, 5, [&](const Spot& item) {
    const auto choice = read_choice(item, {"previous", "host", "closed", "open", "last_known_good"});
    if (!choice) return;
    const auto fallback = static_cast<Fallback>(*choice);
    if (std::find(list.begin(), list.end(), fallback) != list.end()) {
      return item.fault(cat("is ", text(fallback), " a second time"));
    }
    // These two cannot fail, so nothing behind them would ever be tried.
    if (!list.empty() && (list.back() == Fallback::kClosed || list.back() == Fallback::kOpen)) {
      return item.fault(cat("is never tried: ", text(list.back()), " before it always works"));
    }
    list.push_back(fallback);
  });
  if (at.value().type == Yaml::Type::kList && at.value().items.empty()) at.fault("must name at least one");
  return list;
}

bool is_name(std::string_view text, bool file) {
  const std::string_view letters = file ? "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
                                        : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !text.empty() && text.size() <= 128 && text.find_first_not_of(letters) == text.npos && text != "." &&
         text != "..";
}

std::map<std::string, std::string> read_texts(const Spot& at, bool files) {
  std::map<std::string, std::string> texts;
  if (!Map(at).valid()) return texts;
  for (const YamlField& field : at.value().fields) {
    const Spot entry = at.field(field.key, field.value);
    if (!is_name(field.key, files))
      entry.fault(files ? "is no file name: letters, digits and . _ - alone" : "is no variable's name");
    const auto text = read_text(entry);
    if (text && (text->size() > kMaxFile || text->find('\0') != text->npos))
      entry.fault("is above 256 KiB, or holds a NUL");
    texts[field.key] = text.value_or("");
  }
  return texts;
}

void read_limits(const Spot& at, AgentProcess& agent) {
  const Map map(at, {"memory", "cpu", "pids"});
  if (const auto memory = map.get("memory")) {
    agent.memory = read_amount(*memory, {{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}}, kLeastMemory,
                               kMostMemory, "64Mi or 1Gi, from 1Mi to 64Gi")
                       .value_or(agent.memory);
  }
  if (const auto cpu = map.get("cpu")) {
    agent.cpu_milli = static_cast<uint32_t>(
        read_amount(*cpu, {{"m", 1}, {"", 1000}}, 10, 64000, "500m or 2, from 10m to 64").value_or(1000));
  }
  if (const auto pids = map.get("pids"))
    agent.pids = static_cast<uint32_t>(read_number(*pids, 1, 4096).value_or(64));
}

AgentProcess read_agent(const Spot& at) {
  AgentProcess agent;
  const Map map(at, {"command", "env", "files", "capabilities", "limits"});
  if (!map.valid()) return agent;
  if (const auto command = map.need("command")) agent.command = read_command(*command);
  if (const auto env = map.get("env")) agent.env = read_texts(*env, false);
  if (const auto files = map.get("files")) agent.files = read_texts(*files, true);
  if (const auto capabilities = map.get("capabilities")) {
    read_list(*capabilities, kCapabilities.size(), [&](const Spot& item) {
      const auto text = read_text(item);
      if (!text) return;
      if (std::find(kCapabilities.begin(), kCapabilities.end(), *text) == kCapabilities.end())
        return item.fault(
            cat("is \"", text->substr(0, 40), "\", must be one of ", join(kCapabilities, ", ")));
      agent.capabilities.push_back(*text);
    });
  }
  if (const auto limits = map.get("limits")) read_limits(*limits, agent);
  return agent;
}

Service::Task read_task(const Map& spec) {
  const auto at = spec.need("task");
  if (!at) return {};
  const auto choice =
      read_choice(*at, {"policy", "overlay", "telemetry", "virtual_switch", "chain", "tap", "agent"});
  return static_cast<Service::Task>(choice.value_or(0));
}

// Which probe can tell something about which task.
void check_pairs(const Service& service, const Spot& at, const Spot& health) {
  using Task = Service::Task;
  const auto fits = [&] {
    switch (service.task) {
      case Task::kPolicy:
        return service.health.probe == Probe::kVerdict;
      case Task::kVirtualSwitch:
        return service.health.probe == Probe::kLoopback;
      case Task::kOverlay:
        return service.health.probe == Probe::kPeer;
      default:
        return service.health.probe >= Probe::kExec;
    }
  };
  if (!fits()) {
    health.fault_at(
        health.value().line, "probe",
        cat("is ", text(service.health.probe), ", which says nothing about task ", text(service.task),
            "; policy: verdict, virtual_switch: loopback, overlay: peer, others: exec, tcp, http or grpc"));
  }
  const int line = at.value().line;
  if (service.task == Task::kAgent && !service.agent)
    at.fault_at(line, "agent", "missing; task agent needs the process to run");
  if (service.task != Task::kAgent && service.agent)
    at.fault_at(line, "agent", cat("must be absent; task ", text(service.task), " is no process of its own"));
}

}  // namespace

Object read_service(const Map& top, Metadata meta) {
  Service service;
  service.meta = std::move(meta);
  const auto at = top.need("spec");
  if (!at) return service;
  const size_t faults = at->report().faults.size();
  const Map spec(*at, {"version", "task", "privileged", "latencySensitive", "trafficLocality", "health",
                       "logs", "fallback", "agent"});
  if (!spec.valid()) return service;
  if (const auto version = spec.need("version")) service.version = read_plain_name(*version);
  service.task = read_task(spec);
  service.privileged = read_flag(spec, "privileged");
  service.latency_sensitive = read_flag(spec, "latencySensitive");
  if (const auto locality = spec.get("trafficLocality")) {
    const auto choice = read_choice(*locality, {"edge", "east_west", "local"});
    service.locality = static_cast<Service::Locality>(choice.value_or(2));
  }
  const auto health = spec.need("health");
  if (health) service.health = read_health(*health);
  if (const auto logs = spec.need("logs")) service.logs = read_logs(*logs);
  if (const auto fallback = spec.need("fallback")) service.fallback = read_fallback(*fallback);
  if (const auto agent = spec.get("agent")) service.agent = read_agent(*agent);
  if (health && at->report().faults.size() == faults) check_pairs(service, *at, *health);
  return service;
}

std::string_view text(Service::Task task) {
  constexpr std::array<std::string_view, 7> kTexts = {"policy", "overlay", "telemetry", "virtual_switch",
                                                      "chain",  "tap",     "agent"};
  return kTexts[static_cast<size_t>(task)];
}

std::string_view text(Service::Locality locality) {
  constexpr std::array<std::string_view, 3> kTexts = {"edge", "east_west", "local"};
  return kTexts[static_cast<size_t>(locality)];
}

std::string_view text(Probe probe) {
  constexpr std::array<std::string_view, 7> kTexts = {"verdict", "loopback", "peer", "exec",
                                                      "tcp",     "http",     "grpc"};
  return kTexts[static_cast<size_t>(probe)];
}

std::string_view text(Fallback fallback) {
  constexpr std::array<std::string_view, 5> kTexts = {"previous", "host", "closed", "open",
                                                      "last_known_good"};
  return kTexts[static_cast<size_t>(fallback)];
}

}  // namespace outrigger::manifest
