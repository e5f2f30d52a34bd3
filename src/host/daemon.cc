#include "host/daemon.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "base/local_socket.h"
#include "base/sandbox.h"
#include "host/chronicle.h"
#include "host/inbox.h"
#include "host/netns_maker.h"
#include "host/observer.h"
#include "host/report_over_link.h"
#include "host/ship_over_link.h"
#include "nlohmann/json.hpp"

namespace outrigger::host {
namespace {

constexpr size_t kLogFiles = 8;
constexpr size_t kSmallestFile = 4 << 10;

volatile sig_atomic_t stopping = 0;
void stop(int) { stopping = 1; }

SteadyTime soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(5); }

struct Sockets {
  Descriptor questions, records;
};

absl::StatusOr<Sockets> listen(const DaemonOptions& options) {
  absl::StatusOr<Descriptor> questions = listen_at(options.socket, SocketKind::kStream);
  if (!questions.ok()) return questions.status();
  absl::StatusOr<Descriptor> records = Inbox::listen(log_socket_of(options));
  if (!records.ok()) return records.status();
  return Sockets{*std::move(questions), *std::move(records)};
}

// What `ip`, `bridge`, `nft` and `ping` need they get from us, so it is ours to keep.
absl::StatusOr<SandboxReport> restrict(const DaemonOptions& options) {
  if (!options.sandbox) return SandboxReport{{}, {"everything: --no-sandbox"}};
  SandboxReport of_maker;
  if (absl::Status status = start_netns_maker(options.prefix, of_maker); !status.ok()) return status;
  SandboxReport report = enter_sandbox({.capabilities = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN},
                                        .readable = {"/"},
                                        .writable = {options.folder, "/proc/sys/net", "/dev/null"},
                                        .network_sockets = true,
                                        .run_programs = true,
                                        .enter_namespaces = true});
  for (std::string& one : of_maker.enforced) report.enforced.push_back(std::move(one));
  for (std::string& one : of_maker.not_enforced) report.not_enforced.push_back(std::move(one));
  return report;
}

absl::StatusOr<std::unique_ptr<HostLog>> open_log(const DaemonOptions& options) {
  const double each = options.log_mib * (1 << 20) / kLogFiles;
  HostLogOptions made{.folder = options.folder + "/log", .version = "", .limits = {}};
  made.limits.segments = kLogFiles;
  made.limits.segment_bytes = std::max(static_cast<size_t>(each), kSmallestFile);
  return HostLog::open(made);
}

// The keeper's calls, with an eye on the clocks; the first answer after silence wakes the shipper.
class ClockedLink : public Link {
 public:
  ClockedLink(Link& link, HostLog& log, Shipper& shipper) : link_(link), log_(log), shipper_(shipper) {}

  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) override {
    const int64_t sent = monotonic_now_ns();
    auto reply = link_.renew(request);
    if (reply.ok()) log_.clocks(sent, monotonic_now_ns(), reply->monotonic_ns());
    if (reply.ok() && !answered_) shipper_.hurry();
    answered_ = reply.ok();
    return reply;
  }
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest& request) override {
    return link_.fetch(request);
  }
  absl::StatusOr<v1::ShipLogsReply> ship(const v1::ShipLogsRequest& request) override {
    return link_.ship(request);
  }
  absl::StatusOr<v1::ReportWindowsReply> report(const v1::ReportWindowsRequest& request) override {
    return link_.report(request);
  }

 private:
  Link& link_;
  HostLog& log_;
  Shipper& shipper_;
  bool answered_ = false;  // the keeper's thread alone
};

struct Parts {
  const SandboxReport& sandbox;
  const HostLog& log;
  const Shipper* shipper;
  Fallback& fallback;
  const Observer* observer;
};

std::string status_json(const Parts& parts) {
  nlohmann::json out = nlohmann::json::parse(parts.fallback.status_json(), nullptr, false);
  out["sandbox"] = {{"enforced", parts.sandbox.enforced}, {"not_enforced", parts.sandbox.not_enforced}};
  const Spool::Figures figures = parts.log.spool().figures();
  const uint64_t kept = parts.shipper == nullptr ? 0 : parts.shipper->kept_to();
  out["log"] = {{"records", figures.records},   {"bytes", figures.bytes},
                {"dropped", figures.dropped()}, {"last_cursor", figures.last_cursor},
                {"shipped_to", kept},           {"clock_offset_ns", parts.log.offset_ns().value_or(0)}};
  if (parts.observer != nullptr)
    out["observer"] = nlohmann::json::parse(parts.observer->status_json(), nullptr, false);
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// One question a connection: "status", "fall_back" or "return".
void answer(int listener, const Parts& parts) {
  const Descriptor caller(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (caller.get() < 0) return;
  const absl::StatusOr<std::string> asked = receive_message(caller.get(), 64, soon());
  if (!asked.ok()) return;
  if (*asked == "fall_back") parts.fallback.order(Order::kFallBack);
  if (*asked == "return") parts.fallback.order(Order::kReturn);
  const bool known = *asked == "fall_back" || *asked == "return" || *asked == "status";
  (void)send_message(caller.get(), known ? status_json(parts) : R"({"error": "asked for nothing known"})",
                     soon());
}

void say_start(const DaemonOptions& options, const SandboxReport& sandbox, Chronicle& chronicle) {
  chronicle.note(Severity::kInfo, absl::StrCat("outrigger-host of node ", options.node, " starts"),
                 {{"enforced", absl::StrJoin(sandbox.enforced, ", ")},
                  {"not_enforced", absl::StrJoin(sandbox.not_enforced, ", ")}});
  for (const std::string& one : sandbox.not_enforced)
    chronicle.note(Severity::kWarning, absl::StrCat("not enforced: ", one));
}

// A turn when there is something new, or when the last one said.
void loop(Keeper& keeper, Chronicle& chronicle, int listener, const Parts& parts) {
  while (stopping == 0) {
    keeper.bell().hush();
    chronicle.look(keeper.news());
    parts.fallback.turn();
    std::array<pollfd, 2> ready = {pollfd{listener, POLLIN, 0}, pollfd{keeper.bell().readable(), POLLIN, 0}};
    const absl::Duration patience = absl::Ceil(parts.fallback.patience(), absl::Milliseconds(1));
    if (poll(ready.data(), ready.size(), static_cast<int>(absl::ToInt64Milliseconds(patience))) > 0 &&
        ready[0].revents != 0)
      answer(listener, parts);
  }
}

// None when it is not to be, or could not be started: the lease and the kernel path do not wait for it.
std::unique_ptr<Observer> start_observer(const DaemonOptions& options, std::string& trouble) {
  if (!options.observe) return nullptr;
  auto observer = Observer::start({.name = absl::StrCat("outrigger-observer-", options.node),
                                   .work = options.work,
                                   .rate = options.work_rate,
                                   .sandbox = options.sandbox});
  if (observer.ok()) return *std::move(observer);
  trouble = absl::StrCat("this host's noise is not measured: ", std::string(observer.status().message()));
  return nullptr;
}

std::unique_ptr<WindowReporter> report_windows(const DaemonOptions& options, const Observer& observer,
                                               Link& link, const HostLog& log) {
  const auto windows = [&observer](uint64_t after, size_t most) {
    std::vector<NumberedWindow> out;
    for (Observed& one : observer.since(after, most))
      out.push_back({one.cursor, one.start_ns, std::move(one.window)});
    return out;
  };
  auto reporter = std::make_unique<WindowReporter>(link, options.node, observer.run(), windows,
                                                   [&log] { return log.offset_ns(); });
  reporter->start();
  return reporter;
}

absl::StatusOr<std::unique_ptr<Link>> dial_if_named(const LinkOptions& options) {
  if (options.address.empty()) return nullptr;
  secure::require_tls13();
  return dial(options);
}

void handle_signals() {
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGPIPE, SIG_IGN);
}

}  // namespace

std::string log_socket_of(const DaemonOptions& options) {
  if (!options.log_socket.empty()) return options.log_socket;
  return absl::StrCat(absl::StripSuffix(options.socket, ".sock"), "-log.sock");
}

absl::StatusOr<bool> serve(const DaemonOptions& options) {
  // A check for developers that distributions leave on; it is a tenth of what a call over the link costs.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  mkdir(options.folder.c_str(), 0700);
  absl::StatusOr<Ed25519Key> key = Ed25519Key::load_public(options.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<Sockets> sockets = listen(options);
  if (!sockets.ok()) return sockets.status();
  handle_signals();
  std::string trouble;
  const std::unique_ptr<Observer> observer = start_observer(options, trouble);
  const absl::StatusOr<SandboxReport> sandbox = restrict(options);
  if (!sandbox.ok()) return sandbox.status();
  const absl::StatusOr<std::unique_ptr<HostLog>> log = open_log(options);
  if (!log.ok()) return log.status();
  const absl::StatusOr<std::unique_ptr<Link>> link = dial_if_named(options.link);
  if (!link.ok()) return link.status();

  Chronicle chronicle(**log);
  say_start(options, *sandbox, chronicle);
  if (!trouble.empty()) chronicle.note(Severity::kWarning, trouble);
  if (observer != nullptr) observer->listen();
  std::unique_ptr<Shipper> shipper;
  std::unique_ptr<WindowReporter> reporter;
  std::unique_ptr<ClockedLink> clocked;
  if (*link != nullptr) {
    shipper = std::make_unique<Shipper>(**log, ship_over(**link, options.node));
    clocked = std::make_unique<ClockedLink>(**link, **log, *shipper);
    shipper->start();
    if (observer != nullptr) reporter = report_windows(options, *observer, **link, **log);
  }
  Keeper keeper({.node = options.node,
                 .file = options.folder + "/bundle",
                 .first_lease = absl::Seconds(options.lease_s)},
                *std::move(key), std::move(clocked));
  if (!options.bundle.empty()) {
    const absl::StatusOr<v1::SignedBundle> bundle = load_bundle(options.bundle);
    const absl::Status status = bundle.ok() ? keeper.offer(*bundle) : bundle.status();
    if (!status.ok()) return status;
  }
  Path path(options.prefix, options.folder);
  Fallback fallback({options.endpoints, options.folder, {.steady = absl::Seconds(options.steady_s)}}, keeper,
                    path, [&chronicle](const std::string& severity, const std::string& message) {
                      chronicle.of_fallback(severity, message);
                    });
  chronicle.follow(fallback);
  const Inbox inbox(std::move(sockets->records), **log);
  loop(keeper, chronicle, sockets->questions.get(),
       {*sandbox, **log, shipper.get(), fallback, observer.get()});
  if (observer != nullptr) chronicle.note(Severity::kInfo, observer->figure());
  chronicle.note(Severity::kInfo, absl::StrCat("outrigger-host stops; the host path is ",
                                               std::string(name(fallback.state()))));
  return fallback.state() != State::kDormant;
}

}  // namespace outrigger::host
