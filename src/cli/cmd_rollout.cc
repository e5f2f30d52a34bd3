// rollout: a gated change of a service's version, and words to one that is under way.
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "cli/table.h"
#include "outrigger/v1/rollout.grpc.pb.h"

namespace outrigger::cli {

namespace {

using v1::Rollouts;

constexpr auto kPoll = std::chrono::milliseconds(200);

struct Options {
  std::string form = "table";
  std::string service;
  std::string to;
  std::string reason;
  std::string etag;
  std::vector<std::string> intended;
  double shadow = 0;
  double settle = 30;
  double analyse = 0;
  double margin = 0.05;
  uint32_t limit = 0;
  bool lose_sessions = false;
  bool dry_run = false;
  bool wait = false;
};

void show(const v1::Transition& one, Context& context) {
  context.out << absl::StrFormat("%s  %-11s  %s%s%s%s\n", one.time(), one.state(), one.actor(),
                                 one.reason().empty() ? "" : ": ", one.reason(),
                                 one.evidence().empty() ? "" : absl::StrCat(" [", one.evidence(), "]"));
}

void show(const v1::Rollout& rollout, Context& context, const Options& options) {
  if (options.form == "json") {
    context.out << to_json(rollout).dump(2) << '\n';
    return;
  }
  context.out << (rollout.id().empty() ? "(checked only)" : rollout.id()) << "  " << rollout.service() << "  "
              << rollout.from() << " -> " << rollout.to() << "  " << rollout.state()
              << (rollout.paused() ? " (paused)" : "") << '\n';
  for (const v1::Transition& one : rollout.transitions()) show(one, context);
  if (rollout.good_versions_size() > 0)
    context.out << "good versions: " << absl::StrJoin(rollout.good_versions(), ", ") << '\n';
}

bool over(const v1::Rollout& rollout) {
  const std::string& state = rollout.state();
  return state == "complete" || state == "rolled_back" || state == "fallback" || state == "aborted";
}

// The gate could not say: nothing more happens until somebody says a word.
bool waits_for_a_word(const v1::Rollout& rollout) {
  if (rollout.state() != "hold" || rollout.transitions_size() == 0) return false;
  const std::string& reason = rollout.transitions(rollout.transitions_size() - 1).reason();
  return absl::StartsWith(reason, "no data: ") || absl::StartsWith(reason, "inconclusive: ");
}

// Prints what is new until it is over; 1 when it did not complete.
void follow(Context& context, Rollouts::Stub& rollouts, v1::Rollout rollout, const Options& options) {
  int shown = 0;
  for (;;) {
    for (; shown < rollout.transitions_size(); ++shown) {
      if (options.form != "json") show(rollout.transitions(shown), context);
    }
    context.out.flush();
    if (over(rollout) || waits_for_a_word(rollout)) break;
    std::this_thread::sleep_for(kPoll);
    v1::RolloutRequest request;
    request.set_service(options.service);
    auto next = call<v1::Rollout>(rollouts, &Rollouts::Stub::GetRollout, request);
    if (!next.ok()) return context.fail(next.status());
    rollout = *std::move(next);
  }
  if (options.form == "json") show(rollout, context, options);
  if (waits_for_a_word(rollout))
    context.err << "held by the gate: `outrigger rollout promote " << rollout.service() << "` keeps "
                << rollout.to() << ", `abort` goes back to " << rollout.from() << '\n';
  if (rollout.state() != "complete") context.code = kError;
}

void start(Context& context, const Options& options) {
  const auto rollouts = writer<Rollouts>(context);
  if (!rollouts.ok()) return context.fail(rollouts.status());
  v1::StartRolloutRequest request;
  request.set_service(options.service);
  request.set_to(options.to);
  request.set_shadow_seconds(options.shadow);
  request.set_settle_seconds(options.settle);
  request.set_analyse_seconds(options.analyse);
  request.set_margin(options.margin);
  for (const std::string& kind : options.intended) request.add_intended(kind);
  request.set_lose_sessions(options.lose_sessions);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  request.set_request_id(request_id());
  auto reply = change<v1::Rollout>(context, *rollouts, &Rollouts::Stub::StartRollout, request);
  if (!reply.ok()) return context.fail(reply.status());
  if (options.wait && !options.dry_run) return follow(context, *rollouts->stub, *std::move(reply), options);
  show(*reply, context, options);
}

void status(Context& context, const Options& options) {
  const auto rollouts = stub<Rollouts>(context);
  if (!rollouts.ok()) return context.fail(rollouts.status());
  v1::RolloutRequest request;
  request.set_service(options.service);
  const auto reply = call<v1::Rollout>(**rollouts, &Rollouts::Stub::GetRollout, request);
  if (!reply.ok()) return context.fail(reply.status());
  if (options.wait) return follow(context, **rollouts, *reply, options);
  show(*reply, context, options);
}

void history(Context& context, const Options& options) {
  const auto rollouts = stub<Rollouts>(context);
  if (!rollouts.ok()) return context.fail(rollouts.status());
  v1::ListRolloutsRequest request;
  request.set_service(options.service);
  request.set_limit(options.limit);
  const auto reply = call<v1::RolloutList>(**rollouts, &Rollouts::Stub::ListRollouts, request);
  if (!reply.ok()) return context.fail(reply.status());
  if (options.form == "json") {
    context.out << to_json_array(reply->rollouts()).dump(2) << '\n';
    return;
  }
  Table table({"ID", "SERVICE", "FROM", "TO", "STATE", "STARTED", "BY", "REASON"});
  for (const v1::Rollout& one : reply->rollouts()) {
    const bool any = one.transitions_size() > 0;
    table.row({one.id(), one.service(), one.from(), one.to(), one.state(),
               any ? one.transitions(0).time() : "", any ? one.transitions(0).actor() : "",
               any ? one.transitions(one.transitions_size() - 1).reason() : ""});
  }
  if (table.empty()) {
    context.out << "no rollouts yet\n";
  } else {
    table.print(context.out);
  }
}

void say(Context& context, const Options& options, const std::string& verb) {
  const auto rollouts = writer<Rollouts>(context);
  if (!rollouts.ok()) return context.fail(rollouts.status());
  v1::ChangeRolloutRequest request;
  request.set_service(options.service);
  request.set_verb(verb);
  request.set_reason(options.reason);
  request.set_etag(options.etag);
  request.set_validate_only(options.dry_run);
  request.set_request_id(request_id());
  const auto reply = change<v1::Rollout>(context, *rollouts, &Rollouts::Stub::ChangeRollout, request);
  if (!reply.ok()) return context.fail(reply.status());
  if (options.dry_run && options.form != "json") context.out << "checked only: it can " << verb << '\n';
  show(*reply, context, options);
}

CLI::App* add(CLI::App& parent, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help) {
  CLI::App* command = parent.add_subcommand(name, help);
  add_target_options(*command, context);
  command->add_option("-o,--output", options->form, "table or json")->check(CLI::IsMember({"table", "json"}));
  return command;
}

void add_start(CLI::App& rollout, Context& context, const std::shared_ptr<Options>& options) {
  CLI::App* command =
      add(rollout, context, options, "start",
          "Begin one.\nExample: outrigger rollout start policy --to 0.2.0 --shadow 10s --settle 1m --wait");
  command->add_option("service", options->service, "the service, as `outrigger health` names it")->required();
  command->add_option("--to", options->to, "version to change to")->required()->type_name("VERSION");
  add_duration(*command, "--shadow", options->shadow, "decide beside the old version for so long first");
  add_duration(*command, "--settle", options->settle,
               "health must stay ready for so long; 30s when left out");
  add_duration(*command, "--analyse", options->analyse,
               "then compare what the host measures with so long before the change, and decide by that");
  add_percent(*command, "--margin", options->margin, "by so much p99 may grow; 5% when left out");
  command->add_option("--intended", options->intended, "a kind of difference that is meant; \"all\"")
      ->type_name("KIND");
  command->add_flag("--lose-sessions", options->lose_sessions, "go on although sessions cannot be kept");
  command->add_option("--reason", options->reason, "for the record");
  command->add_flag("--dry-run", options->dry_run, "check only");
  command->add_flag("--wait", options->wait, "follow it to its end; exit code 1 when it does not complete");
  command->callback([&context, options] { start(context, *options); });
}

}  // namespace

void add_rollout_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App* rollout = app.add_subcommand("rollout", "Change a service's version step by step, and back.");
  rollout->require_subcommand(1);
  add_start(*rollout, context, options);
  CLI::App* seen = add(*rollout, context, options, "status",
                       "A service's latest rollout.\nExample: outrigger rollout status policy");
  seen->add_option("service", options->service, "the service")->required();
  seen->add_flag("--wait", options->wait, "follow it to its end");
  seen->callback([&context, options] { status(context, *options); });
  CLI::App* past = add(*rollout, context, options, "history",
                       "Rollouts so far, newest first.\nExample: outrigger rollout history policy");
  past->add_option("service", options->service, "of this service alone");
  past->add_option("--limit", options->limit, "at most so many; 50 when left out");
  past->callback([&context, options] { history(context, *options); });
  const std::pair<const char*, const char*> words[] = {
      {"pause", "Stop where it is; a failure still rolls it back.\nExample: outrigger rollout pause policy"},
      {"resume", "Go on with a paused one.\nExample: outrigger rollout resume policy"},
      {"promote", "Enough seen: complete it now.\nExample: outrigger rollout promote policy"},
      {"abort", "End it; the old version is in force.\nExample: outrigger rollout abort policy"},
      {"undo", "Back to the version before, at once.\nExample: outrigger rollout undo policy"}};
  for (const auto& [verb, help] : words) {
    CLI::App* command = add(*rollout, context, options, verb, help);
    command->add_option("service", options->service, "the service")->required();
    command->add_option("--reason", options->reason, "for the record");
    command->add_option("--etag", options->etag, "only if it is as it was seen");
    command->add_flag("--dry-run", options->dry_run, "check only");
    command->callback([&context, options, word = std::string(verb)] { say(context, *options, word); });
  }
}

}  // namespace outrigger::cli
