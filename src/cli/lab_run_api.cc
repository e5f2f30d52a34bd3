#include "cli/lab_run_api.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/audit_lab.h"
#include "cli/daemon_call.h"
#include "cli/node_watch.h"
#include "cli/nodes.h"
#include "lab/process.h"
#include "measure/boundary.h"
#include "outrigger/v1/engines.grpc.pb.h"
#include "outrigger/v1/fallback.grpc.pb.h"

namespace outrigger::cli {

namespace {

using Channel = std::shared_ptr<grpc::Channel>;
using scenario::Api;
using v1::Engines;
using v1::Fallback;

constexpr uint32_t kHoldMs = 2000, kLimitMs = 60'000;
constexpr char kDrilled[] = "policy";
constexpr std::chrono::minutes kPatience(2);

absl::StatusOr<v1::FallbackStatus> fallback_of(const Channel& channel) {
  return call<v1::FallbackStatus>(*Fallback::NewStub(channel), &Fallback::Stub::GetFallback,
                                  v1::GetFallbackRequest());
}

absl::Status order(const Channel& channel, const std::string& what) {
  v1::OrderFallbackRequest request;
  request.set_order(what);
  return call<v1::FallbackStatus>(*Fallback::NewStub(channel), &Fallback::Stub::OrderFallback, request)
      .status();
}

Api::HostPath path_of(const v1::FallbackStatus& status) {
  Api::HostPath path{.state = status.state()};
  path.ready = status.host_linked() && status.bundle_generation() > 0;
  path.trouble = !status.host_linked()             ? "the host is not on the link"
                 : status.bundle_generation() == 0 ? "the host holds no bundle yet"
                                                   : status.error();
  return path;
}

// Another version than the active one, to which somebody could change without a thought: it is well, and no
// pre-release ("0.2.0-rc1").  Empty: none.
std::string other_version(const v1::EngineList& list, std::string& active) {
  std::string other;
  for (const v1::Engine& one : list.engines()) {
    if (one.state() == "active") active = one.version();
  }
  for (const v1::Engine& one : list.engines()) {
    const bool well = one.state() == "installed" || one.state() == "standby";
    const bool release = one.version().find('-') == std::string::npos;
    if (well && release && one.version() != active && one.version() > other) other = one.version();
  }
  return other;
}

absl::StatusOr<Api::Change> upgrade(Engines::Stub& engines, const std::string& from, const std::string& to) {
  v1::UpgradeRequest request;
  request.set_to(to);
  request.set_request_id(request_id());
  request.set_reason("lab run: how long does a change interrupt?");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto reader = engines.Upgrade(&context, request);
  Api::Change change{.what = absl::StrCat("engine upgrade from ", from, " to ", to)};
  v1::UpgradeProgress progress, last;
  while (reader->Read(&progress)) {
    if (progress.blackout_us() > 0) change.blackout_ms.push_back(progress.blackout_us() / 1000);
    last = progress;
  }
  if (const absl::Status status = to_status(reader->Finish()); !status.ok()) return status;
  if (!last.ok()) return absl::AbortedError(absl::StrCat(change.what, ": ", last.message()));
  return change;
}

// There and back: each an upper bound, from the order to the host's word.
absl::StatusOr<Api::Change> drill(Fallback::Stub& fallback) {
  v1::DrillRequest request;
  request.set_service(kDrilled);
  request.set_hold_ms(kHoldMs);
  request.set_limit_ms(kLimitMs);
  request.set_request_id(request_id());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto steps = fallback.Drill(&context, request);
  Api::Change change{.what = "drill, to the host's path and back,", .at_most = true};
  for (v1::DrillStep step; steps->Read(&step);) {
    if (step.step() == "active" || step.step() == "dormant") change.blackout_ms.push_back(step.took_ms());
  }
  if (const absl::Status status = to_status(steps->Finish()); !status.ok()) return status;
  return change;
}

absl::StatusOr<Api::Change> make_change(const Channel& channel) {
  const auto engines = Engines::NewStub(channel);
  const auto list = call<v1::EngineList>(*engines, &Engines::Stub::ListEngines, v1::ListEnginesRequest());
  if (!list.ok()) return list.status();
  std::string active;
  const std::string other = list->mode() == "split" ? other_version(*list, active) : "";
  if (!other.empty()) return upgrade(*engines, active, other);
  return drill(*Fallback::NewStub(channel));
}

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return std::string(absl::StripAsciiWhitespace(text.str()));
}

// The same attempts in both arms: what there is to try is asked once, while the DPU carries and knows it.
class Auditor {
 public:
  explicit Auditor(Connect connect) : connect_(std::move(connect)) {}

  absl::StatusOr<std::vector<measure::BoundaryTest>> operator()(const std::string& lab,
                                                                const std::string& node,
                                                                const std::string& file) {
    if (!place_) {
      std::ostringstream nowhere;
      const Context context{nowhere, nowhere, connect_};
      auto place = audit_place(context, lab, node);
      if (!place.ok()) return place.status();
      place_ = *std::move(place);
    }
    return run(file);
  }

 private:
  [[nodiscard]] absl::StatusOr<std::vector<measure::BoundaryTest>> run(const std::string& file) const;

  Connect connect_;
  std::optional<AuditPlace> place_;
};

// Guests are named NETNS/DEVICE, and the device is another while the host carries.
std::vector<std::string> with_guests_as_now(std::vector<std::string> arguments) {
  const std::set<std::string> guests = {"--endpoint", "--peer", "--denied-at", "--denied-from"};
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    std::string& value = arguments[i + 1];
    if (guests.contains(arguments[i])) value = guest_now(value.substr(0, value.find('/')));
  }
  return arguments;
}

// As a program of the host's; what it says at the end is in its answer, so its exit status is not asked for.
absl::StatusOr<std::vector<measure::BoundaryTest>> Auditor::run(const std::string& file) const {
  const std::string log = file + ".log", self = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<std::string> words = {"sh", "-c", R"(out=$1 log=$2; shift 2; "$@" >"$out" 2>"$log" || :)",
                                    "sh", file, log};
  if (!place_->netns.empty()) words.insert(words.end(), {"nsenter", absl::StrCat("--net=", place_->netns)});
  words.insert(words.end(), {self, "audit", "boundary", "--gentle", "-o", "measurement"});
  for (std::string& one : with_guests_as_now(place_->arguments)) words.push_back(std::move(one));
  const auto done = lab::run(words);
  if (!done.ok()) return done.status();
  auto tests = measure::read_boundary(file);
  if (tests.ok()) return tests;
  const std::string said = text_of(log);
  return said.empty() ? tests.status() : absl::InternalError(said);
}

// Over the node's channel; a test's stand-in has none.
template <typename Answer, typename... More>
auto over(const Connect& connect, Answer (*act)(const Channel&, More...)) {
  return [connect, act](const lab::NodeSocket& node, More... more) -> Answer {
    const Channel channel = connect(node.path)->channel();
    if (channel == nullptr) return absl::UnimplementedError("this connection has no channel");
    return act(channel, more...);
  };
}

absl::StatusOr<Api::HostPath> host_path(const Channel& channel) {
  const auto status = fallback_of(channel);
  return status.ok() ? absl::StatusOr<Api::HostPath>(path_of(*status)) : status.status();
}

}  // namespace

scenario::Api scenario_api(const Connect& connect) {
  return {.lab = lab_api(connect),
          .order = over<absl::Status, const std::string&>(connect, order),
          .host_path = over(connect, host_path),
          .watch = [connect](const lab::NodeSocket& node) { return watch_node(connect(node.path)); },
          .audit = Auditor(connect),
          .change = over(connect, make_change)};
}

}  // namespace outrigger::cli
