#include "host/fallback.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/bundle.h"
#include "nlohmann/json.hpp"

namespace outrigger::host {
namespace {

constexpr absl::Duration kTestEvery = absl::Seconds(5), kRetryPrepare = absl::Seconds(2);
constexpr absl::Duration kPortsEvery = absl::Milliseconds(500), kAskEvery = absl::Milliseconds(200);
constexpr absl::Duration kTestAtLeastEvery = absl::Minutes(1);
// Between turns: where a step of the machine or a gateway's answer may be due; where only ports and bundles
// that expire are looked at; and where only new endpoints are, until the lease runs out.
constexpr absl::Duration kBusy = absl::Milliseconds(50), kCarrying = absl::Milliseconds(200),
                         kIdle = absl::Seconds(1);
constexpr int kTestShare = 200;  // a test may take this part of the time: a host's CPUs are its guests'

// After a crash the machine goes on where it was: what the kernel carries, it carries still.
Machine remembered(const std::string& file, const Machine::Settings& settings) {
  const absl::StatusOr<std::string> text = read_file(file);
  if (!text.ok()) return Machine(settings);
  const bool ordered = absl::StrContains(*text, "ordered");
  for (const State state : {State::kBlocking, State::kActive, State::kHandingBack}) {
    const std::string_view word = name(state);
    if (absl::StartsWith(*text, absl::string_view(word.data(), word.size())))
      return Machine(settings, state, ordered);
  }
  return Machine(settings);
}

std::string message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

Fallback::Fallback(Settings settings, Keeper& keeper, Path& path, Log log)
    : settings_(std::move(settings)),
      keeper_(keeper),
      path_(path),
      log_(std::move(log)),
      machine_(remembered(settings_.folder + "/state", settings_.machine)) {
  keeper_.report({machine_.state(), {}, ""});
  if (machine_.state() != State::kDormant)
    log_("warning", absl::StrCat("found itself ", std::string(name(machine_.state())), " after a restart"));
}

// A bundle may be a hundred megabytes, and is looked at many times a second.
size_t Fallback::content(const Keeper::News& news) {
  if (hashed_ == news.bundle) return hash_;
  hashed_ = news.bundle;
  hash_ = std::hash<std::string>{}(news.bundle->update() + news.bundle->fallback_underlay());
  return hash_;
}

// The path is kept ready for the newest bundle and the endpoints as they are now.
void Fallback::follow(const Keeper::News& news) {
  if (!news.bundle || !news.bundle_fault.empty()) return;
  const bool on_the_way = machine_.state() == State::kBlocking || machine_.state() == State::kHandingBack;
  if (on_the_way && generation_ != 0) return;  // what carries is not touched meanwhile
  const absl::StatusOr<std::string> guests_text = read_file(settings_.guests_file);
  const size_t content = this->content(news);
  const bool same = content == content_ && generation_ == news.bundle->generation() && guests_text.ok() &&
                    *guests_text == guests_text_;
  if ((same && generation_ != 0) || boottime() - tried_at_ < kRetryPrepare) return;
  if (!same || path_fault_.empty()) tried_at_ = boottime();
  const absl::StatusOr<std::vector<Guest>> guests = read_guests(settings_.guests_file);
  absl::StatusOr<World> world = read_world(*news.bundle);
  absl::Status status = guests.ok() ? world.status() : guests.status();
  if (status.ok()) status = path_.prepare(*std::move(world), *guests);
  if (status.ok() && machine_.state() == State::kActive)
    status = path_.take_over();  // endpoints that are new
  if (!status.ok()) {
    path_fault_ = message(status);
    log_("error", absl::StrCat("generation ", news.bundle->generation(), " is not prepared: ", path_fault_));
    return;
  }
  prepared_ = true;
  generation_ = news.bundle->generation();
  content_ = content;
  guests_text_ = *guests_text;
  tested_at_ = -absl::InfiniteDuration();
  for (const std::string& unfit : path_.unfit())
    log_("warning", absl::StrCat("the kernel path does not carry: ", unfit));
  log_("info", absl::StrCat("prepared for generation ", generation_));
}

void Fallback::test(const Keeper::News& news) {
  const absl::Duration pause = std::clamp(kTestShare * test_took_, kTestEvery, kTestAtLeastEvery);
  if (generation_ == 0 || boottime() - tested_at_ < pause) return;
  tested_at_ = boottime();
  const absl::Status status = path_.test();
  test_took_ = boottime() - tested_at_;
  const std::string fault = status.ok() ? "" : message(status);
  if (!fault.empty() && fault != path_fault_)
    log_("error", absl::StrCat("the host path is unhealthy: ", fault));
  path_fault_ = fault;
  if (!fault.empty() && news.bundle) generation_ = 0;  // made again
}

// To look means to enter every endpoint's namespace: only when the answer can change anything.
bool Fallback::ports_are_there(const Keeper::News& news, Order order) {
  if (machine_.state() != State::kActive) return true;
  const bool may_return = news.lease && news.dpu_healthy && (!machine_.ordered() || order == Order::kReturn);
  if (!may_return) return false;
  if (boottime() - ports_at_ < kPortsEvery) return ports_;
  ports_at_ = boottime();
  ports_ = path_.ports_are_there();
  return ports_;
}

// Without a lease, who is in charge?  That the DPU says nothing to us may be the link's fault alone.
bool Fallback::dpu_answers(const Keeper::News& news, Order order) {
  const bool matters = machine_.state() == State::kDormant || machine_.state() == State::kFailed;
  if (news.lease || order == Order::kFallBack || !matters) return false;
  if (boottime() - asked_at_ < kAskEvery) return answers_;
  answers_ = path_.dpu_answers();
  asked_at_ = boottime();
  return answers_;
}

Situation Fallback::situation(const Keeper::News& news) {
  if (order_ == Order::kReturn && machine_.state() == State::kDormant) order_ = Order::kNone;
  Situation now{.now = boottime(), .lease = news.lease, .dpu_healthy = news.dpu_healthy};
  now.gentle = news.carries.has_value();
  now.dpu_carries = news.carries.value_or(false);
  now.order = order_ != Order::kNone ? order_ : news.order;
  now.allowed = news.bundle && news.bundle->services_size() > 0;
  now.bundle_fault = news.bundle_fault;
  now.path_fault = path_fault_;
  now.ports = ports_are_there(news, now.order);
  now.dpu_answers = dpu_answers(news, now.order);
  return now;
}

void Fallback::keep_state() {
  const std::string text =
      absl::StrCat(std::string(name(machine_.state())), machine_.ordered() ? " ordered" : "", "\n");
  const absl::Status status = write_file(settings_.folder + "/state", text);
  if (!status.ok()) log_("error", message(status));
}

absl::Status Fallback::do_on_path(Action action) {
  if (!prepared_) return absl::FailedPreconditionError(path_fault_);  // nobody would be moved
  switch (action) {
    case Action::kTakeOver:
      return path_.take_over();
    case Action::kGiveBack:
      return path_.give_back();
    case Action::kOpenHost:
      return path_.open_host();
    case Action::kMoveToHost:
      return path_.move_to_host();
    case Action::kOpenDpu:
      return path_.open_dpu();
    case Action::kMoveToDpu:
      return path_.move_to_dpu();
    case Action::kNone:
      break;
  }
  return absl::OkStatus();
}

void Fallback::carry_out(Action action) {
  keep_state();
  keeper_.report({machine_.state(), path_.unfit(), ""});
  const absl::Duration began = boottime();
  absl::Status status = do_on_path(action);
  // Half a move is none.  On the way there those endpoints that have a port of the DPU's go back to it, on
  // the way back those that have left return.
  const bool there = machine_.state() == State::kBlocking;
  if (!status.ok() && there) (void)path_.give_back();
  if (!status.ok() && !there && action != Action::kGiveBack) (void)path_.take_over();
  took_ms_ = absl::ToDoubleMilliseconds(boottime() - began);
  machine_.done(action, status.ok(), message(status), boottime());
  keep_state();
}

void Fallback::turn() {
  const Keeper::News news = keeper_.news();
  follow(news);
  if (machine_.state() == State::kDormant || machine_.state() == State::kFailed ||
      machine_.state() == State::kActive)
    test(news);
  const Action action = machine_.step(situation(news));
  if (action != Action::kNone) carry_out(action);
  const std::string now = absl::StrCat(std::string(name(machine_.state())),
                                       machine_.reason().empty() ? "" : ": ", machine_.reason());
  if (now != said_)
    log_(machine_.state() == State::kFailed ? "error" : "info", absl::StrCat("fallback ", now));
  said_ = now;
  keeper_.report({machine_.state(), path_.unfit(),
                  machine_.state() == State::kFailed ? machine_.reason() : path_fault_});
}

absl::Duration Fallback::patience() const {
  const Keeper::News news = keeper_.news();
  const State state = machine_.state();
  if (state == State::kDormant && news.lease) return std::min(news.lease_left, kIdle);
  return state == State::kActive || state == State::kFailed ? kCarrying : kBusy;
}

std::string Fallback::status_json() const {
  const Keeper::News news = keeper_.news();
  nlohmann::json out;
  out["state"] = std::string(name(machine_.state()));
  out["reason"] = machine_.reason();
  out["ordered"] = machine_.ordered();
  out["lease"] = news.lease;
  out["dpu_healthy"] = news.dpu_healthy;
  out["link_fault"] = news.link_fault;
  out["generation"] = news.bundle ? news.bundle->generation() : 0;
  out["prepared_generation"] = generation_;
  out["bundle_fault"] = news.bundle_fault;
  out["path_fault"] = path_fault_;
  out["last_switch_ms"] = took_ms_;
  out["unfit"] = path_.unfit();
  out["services"] = nlohmann::json::array();
  if (news.bundle) {
    for (const std::string& service : news.bundle->services()) out["services"].push_back(service);
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace outrigger::host
