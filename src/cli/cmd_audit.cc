// audit boundary: does the DPU hold against its own host?  Run on the host, as root.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "audit/audit.h"
#include "audit/probe.h"
#include "cli/audit_lab.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"

namespace outrigger::cli {

namespace {

using audit::Finding;
using audit::Outcome;

struct Options {
  audit::Settings settings;
  std::string lab, denied, allowed;
  std::vector<std::string> dpu, underlay, only;
  std::string form = "table";
  bool list = false;
};

constexpr int kSomeUntried = kDiffers;

absl::Status bad(const std::string& option, const std::string& text, const char* form) {
  return absl::InvalidArgumentError(absl::StrCat(option, " ", text, " is not ", form));
}

absl::Status parse_addresses(const std::string& option, const std::vector<std::string>& texts,
                             std::vector<IpAddress>& out) {
  for (const std::string& text : texts) {
    const auto address = IpAddress::parse(text);
    if (!address) return bad(option, text, "an address");
    out.push_back(*address);
  }
  return absl::OkStatus();
}

absl::Status parse_ways(Options& options) {
  audit::Settings& settings = options.settings;
  if (!options.denied.empty()) {
    const auto denied = audit::parse_endpoint(options.denied);
    if (!denied) return bad("--denied", options.denied, "ADDRESS:PORT");
    settings.denied = {denied->address, denied->port};
  }
  if (options.allowed.empty()) return absl::OkStatus();
  const size_t colon = options.allowed.find(':');
  const std::string protocol = options.allowed.substr(0, colon);
  uint32_t port = 0;
  const bool read =
      colon != options.allowed.npos && absl::SimpleAtoi(options.allowed.substr(colon + 1), &port);
  if (!read || port == 0 || port > 65535 || (protocol != "tcp" && protocol != "udp"))
    return bad("--allowed", options.allowed, "tcp:PORT or udp:PORT");
  settings.allowed = {protocol == "tcp", static_cast<uint16_t>(port)};
  return absl::OkStatus();
}

absl::Status complete(Options& options) {
  if (absl::Status status = parse_addresses("--dpu-address", options.dpu, options.settings.dpu); !status.ok())
    return status;
  if (absl::Status status = parse_addresses("--underlay", options.underlay, options.settings.underlay);
      !status.ok())
    return status;
  if (absl::Status status = parse_ways(options); !status.ok()) return status;
  const auto known = audit::tests();
  for (const std::string& one : options.only) {
    if (std::none_of(known.begin(), known.end(),
                     [&one](const audit::Test& test) { return test.name == one; }))
      return absl::InvalidArgumentError(absl::StrCat("no test is called \"", one, "\"; --list names them"));
  }
  if (options.list || geteuid() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("an intruder with less than root is no test: run it with sudo");
}

// The audit becomes a program of the host's: another network namespace, and no knowledge but its arguments.
absl::Status become(const AuditPlace& place, const Options& options) {
  std::vector<std::string> words = {"outrigger", "audit", "boundary", "-o", options.form};
  words.insert(words.end(), place.arguments.begin(), place.arguments.end());
  for (const std::string& one : options.only) words.insert(words.end(), {"--only", one});
  if (options.settings.gentle) words.emplace_back("--gentle");
  words.insert(words.end(), {"--flood", absl::StrCat(options.settings.flood)});
  if (!place.netns.empty()) {
    const int fd = open(place.netns.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot enter ", place.netns));
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  return absl::ErrnoToStatus(errno, "cannot start the audit");
}

Json json_of(const std::vector<Finding>& findings) {
  Json array = Json::array();
  for (const Finding& one : findings) {
    array.push_back({{"name", one.name},
                     {"tried", one.tried},
                     {"expected", one.expected},
                     {"outcome", audit::name(one.verdict.outcome)},
                     {"evidence", one.verdict.evidence},
                     {"seconds", one.seconds}});
  }
  return array;
}

// As a measurement file keeps it (measure::BoundaryTest): what was not tried counts neither way.
Json for_measurement(const std::vector<Finding>& findings) {
  Json array = Json::array();
  for (const Finding& one : findings) {
    if (one.verdict.outcome == Outcome::kNotTried) continue;
    array.push_back({{"name", one.name},
                     {"held", one.verdict.outcome == Outcome::kHeld},
                     {"evidence", one.verdict.evidence}});
  }
  return array;
}

size_t count(const std::vector<Finding>& findings, Outcome outcome) {
  return static_cast<size_t>(std::count_if(findings.begin(), findings.end(), [outcome](const Finding& one) {
    return one.verdict.outcome == outcome;
  }));
}

void print(Context& context, const Options& options, const std::vector<Finding>& findings) {
  if (options.form == "json") {
    context.out << json_of(findings).dump(2) << '\n';
  } else if (options.form == "measurement") {
    context.out << for_measurement(findings).dump(2) << '\n';
  } else {
    Table table({"TEST", "OUTCOME", ">SECONDS", "EVIDENCE"});
    for (const Finding& one : findings) {
      table.row({std::string(one.name), std::string(audit::name(one.verdict.outcome)),
                 absl::StrFormat("%.1f", one.seconds), one.verdict.evidence});
    }
    table.print(context.out);
    context.out << '\n'
                << count(findings, Outcome::kHeld) << " held, " << count(findings, Outcome::kBroken)
                << " broken, " << count(findings, Outcome::kNotTried) << " not tried\n";
  }
}

void print_tests(Context& context) {
  Table table({"TEST", "DISTURBS", "TRIED", "EXPECTED"});
  for (const audit::Test& one : audit::tests())
    table.row({std::string(one.name), one.disturbs ? "yes" : "-", std::string(one.tried),
               std::string(one.expected)});
  table.print(context.out);
}

// Ports are tried by the thousand at a time.
void allow_many_sockets() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 16384);
  setrlimit(RLIMIT_NOFILE, &limit);
}

void boundary(Context& context, Options& options) {
  if (absl::Status status = complete(options); !status.ok()) return context.fail(status);
  if (options.list) return print_tests(context);
  if (!options.lab.empty()) {
    const auto place = audit_place(context, options.lab, options.settings.node);
    return context.fail(place.ok() ? become(*place, options) : place.status());
  }
  allow_many_sockets();
  const auto progress = [&](const Finding& one) {
    if (options.form == "table" && context.terminal)
      context.err << one.name << ": " << audit::name(one.verdict.outcome) << std::endl;
  };
  const auto findings =
      audit::run(options.settings, std::set<std::string>(options.only.begin(), options.only.end()), progress);
  print(context, options, findings);
  if (count(findings, Outcome::kNotTried) > 0) context.code = kSomeUntried;
  if (count(findings, Outcome::kBroken) > 0) context.code = kError;
}

void add_link_options(CLI::App& command, audit::Settings& settings) {
  command.add_option("--link", settings.link, "host link of the DPU, ADDRESS:PORT");
  command.add_option("--cert", settings.files.certificate, "the host's certificate");
  command.add_option("--key", settings.files.key, "its key, unless that is in the same file");
  command.add_option("--ca", settings.files.authority, "the authority's certificate");
  command.add_option("--bundle-key", settings.bundle_key, "public key of the DPU's bundles");
  command.add_option("--wrong-role", settings.wrong_role,
                     "certificate and key of another role, to be misused");
  command.add_option("--stolen", settings.stolen, "certificate and key of another host, to be misused");
  command.add_option("--api", settings.apis, "management API, ADDRESS:PORT; may be said again");
  command.add_option("--closed", settings.closed, "service whose contract does not fall back on the host");
  command.add_option("--restart-agent", settings.restart_agent,
                     "shell command that starts the host agent again; without it the agent is not killed");
}

void add_path_options(CLI::App& command, Options& options) {
  audit::Settings& settings = options.settings;
  command.add_option("--dpu-address", options.dpu, "further address of the DPU whose ports are tried");
  command.add_option("--endpoint", settings.endpoint, "guest that attacks, NETNS/DEVICE");
  command.add_option("--peer", settings.peer, "guest where nothing of it may arrive, NETNS/DEVICE");
  command.add_option(
      "--allowed", options.allowed,
      "what policy lets through from the one to the other, tcp:PORT or udp:PORT; udp:7 if left out");
  command.add_option("--denied", options.denied, "what policy denies to the endpoint, ADDRESS:PORT, by TCP");
  command.add_option("--denied-at", settings.denied_at, "guest that has that address, unless it is the peer");
  command.add_option("--denied-from", settings.denied_from,
                     "guest to which it is denied, unless it is the endpoint");
  command.add_option("--denied-open", settings.denied_open,
                     "TCP port of that address that policy opens to the same: shows that there is a way");
  command.add_option("--underlay", options.underlay, "tunnel address of a node");
  command.add_option("--vni", settings.vnis, "of a network");
  command.add_option("--search", settings.folders, "folder that is searched for the DPU's keys");
  command.add_option(
      "--netns-prefix", settings.netns_prefix,
      "begins the names of the namespaces where the host itself carries traffic, as outrigger-host "
      "was told; orfb- if left out");
  command.add_flag("--one-machine", settings.one_machine, "host and DPU share one kernel, as in a lab");
  command.add_option("--flood", settings.flood, "new flows of the flood")->check(CLI::Range(1, 1'000'000));
}

}  // namespace

void add_audit_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App* audit = app.add_subcommand("audit",
                                       "Try to break what is claimed.\n"
                                       "Example: outrigger audit boundary --lab default");
  audit->require_subcommand(1);
  CLI::App* command = audit->add_subcommand(
      "boundary",
      "Try, from the host, what an intruder with root there would; says held or broken with evidence.\n"
      "Exit status: 0 all held, 1 one is broken, 3 none is broken but some could not be tried.\n"
      "Example: outrigger audit boundary --lab default --node host-a");
  command->add_option("--lab", options->lab, "take everything else from this lab")->type_name("NAME");
  command->add_option("--node", options->settings.node, "the host's node");
  add_link_options(*command, options->settings);
  add_path_options(*command, *options);
  command->add_option("--only", options->only, "this test alone; may be said again")->type_name("TEST");
  command->add_flag("--gentle", options->settings.gentle, "leave out what kills or floods");
  command->add_flag("--list", options->list, "name the tests and end");
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "json", "measurement"}))
      ->type_name("table|json|measurement");
  command->callback([&context, options] { boundary(context, *options); });
}

}  // namespace outrigger::cli
