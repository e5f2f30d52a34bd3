// plan apply: the plan's next wave, as rollouts of the node's services; what is no rollout is a person's, and
// is named.
#include <openssl/sha.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/durations.h"
#include "cli/json.h"
#include "cli/plan_options.h"
#include "cli/table.h"
#include "offload/apply.h"
#include "outrigger/v1/health.grpc.pb.h"
#include "outrigger/v1/rollout.grpc.pb.h"

namespace outrigger::cli {

namespace {

constexpr uint32_t kRollouts = 1000;  // that are looked at

struct Options {
  PlanFiles files;
  std::string scorecard, despite;
  uint32_t wave = 0;
  double shadow = 10, settle = 30, analyse = 60, margin = 0.05;
  bool dry_run = false;
};

absl::StatusOr<offload::Paid> read_scorecard(const std::string& file) {
  const auto text = read_text(file);
  if (!text.ok()) return text.status();
  const Json card = Json::parse(*text, nullptr, false);
  const bool usable = card.is_object() && card.contains("verdict") && card["verdict"].is_string();
  if (!usable)
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": no verdict in it: it is what `outrigger scorecard -o json` prints"));
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(text->data()), text->size(), digest);
  const absl::string_view start(reinterpret_cast<const char*>(digest), 8);
  const bool explained = card.contains("why") && card["why"].is_string();
  return offload::Paid{card["verdict"], explained ? std::string(card["why"]) : "",
                       absl::BytesToHexString(start)};
}

absl::StatusOr<offload::NodeView> view_of(const Context& context, v1::Rollouts::Stub& rollouts) {
  const auto health = stub<v1::HealthReport>(context);
  if (!health.ok()) return health.status();
  const auto services =
      call<v1::HealthList>(**health, &v1::HealthReport::Stub::ListHealth, v1::ListHealthRequest());
  if (!services.ok()) return services.status();
  v1::ListRolloutsRequest request;
  request.set_limit(kRollouts);
  const auto past = call<v1::RolloutList>(rollouts, &v1::Rollouts::Stub::ListRollouts, request);
  if (!past.ok()) return past.status();
  offload::NodeView view;
  for (const v1::ServiceHealth& one : services->services())
    view.services.push_back(
        {one.service(), one.placement() == offload::kByHost ? offload::kByHost : one.version()});
  for (const v1::Rollout& one : past->rollouts()) {
    offload::PastRollout& made = view.rollouts.emplace_back();
    made = {one.id(), one.service(), one.to(), one.state(), "", ""};
    if (one.transitions_size() == 0) continue;
    made.reason = one.transitions(0).reason();
    made.last_reason = one.transitions(one.transitions_size() - 1).reason();
  }
  return view;
}

void print(const offload::Turn& turn, std::ostream& out) {
  Table table({"SERVICE", "ON THE DPU", "ACT", "WHY"});
  for (const std::vector<offload::Step>* steps : {&turn.earlier, &turn.steps}) {
    for (const offload::Step& step : *steps)
      table.row(
          {step.service, step.on_dpu.empty() ? "-" : step.on_dpu, std::string(name(step.act)), step.why});
  }
  if (!table.empty()) table.print(out);
}

void print_refused(const offload::Plan& plan, std::ostream& out) {
  for (const offload::Placement& one : plan.placements) {
    if (!one.missing.empty())
      out << "not ready: " << one.service << ": its contract lacks " << absl::StrJoin(one.missing, ", ")
          << '\n';
  }
}

v1::StartRolloutRequest request_of(const offload::Step& step, const std::string& reason,
                                   const Options& options) {
  v1::StartRolloutRequest request;
  request.set_service(step.on_dpu);
  request.set_to(step.to);
  request.set_shadow_seconds(options.shadow);
  request.set_settle_seconds(options.settle);
  request.set_analyse_seconds(options.analyse);
  request.set_margin(options.margin);
  request.set_reason(reason);
  request.set_request_id(request_id());
  return request;
}

// Services of one engine are changed by the same act, so that the second has to wait for the first: that is
// no error.
void start(Context& context, const Writer<v1::Rollouts>& rollouts, const offload::Turn& turn,
           const std::string& reason, const Options& options) {
  std::vector<std::string> started;
  for (const offload::Step& step : turn.steps) {
    if (step.act != offload::Act::kStart && step.act != offload::Act::kFailed) continue;
    if (!started.empty()) {
      context.out << step.service << ": after " << started.back() << "; then run this again\n";
      continue;
    }
    v1::StartRolloutRequest request = request_of(step, reason, options);
    request.set_validate_only(options.dry_run);
    const auto made = change<v1::Rollout>(context, rollouts, &v1::Rollouts::Stub::StartRollout, request);
    if (!made.ok())
      return context.fail(
          absl::Status(made.status().code(), absl::StrCat(step.service, ": ", made.status().message())));
    started.push_back(made->id().empty() ? step.on_dpu : made->id());
    context.out << step.service << ": "
                << (options.dry_run
                        ? "every check passed; nothing was started"
                        : absl::StrCat("rollout ", made->id(), " of ", step.on_dpu,
                                       " has begun; outrigger rollout status ", step.on_dpu, " --wait"))
                << '\n';
  }
}

void apply(Context& context, const Options& options) {
  const auto planned = read_plan(options.files);
  if (!planned.ok()) return context.fail(planned.status());
  std::optional<offload::Paid> paid;
  if (!options.scorecard.empty()) {
    auto card = read_scorecard(options.scorecard);
    if (!card.ok()) return context.fail(card.status());
    paid = *std::move(card);
  }
  const auto rollouts = writer<v1::Rollouts>(context);
  if (!rollouts.ok()) return context.fail(rollouts.status());
  const auto node = view_of(context, *rollouts->stub);
  if (!node.ok()) return context.fail(node.status());
  print_refused(planned->plan, context.out);
  const auto wave = options.wave == 0 ? std::nullopt : std::optional(options.wave);
  const auto turn = offload::next_turn(planned->plan, planned->inventory, *node, wave);
  if (!turn.ok()) return context.fail(turn.status());
  print(*turn, context.out);
  if (turn->wave == 0) {
    context.out << "every wave is done\n";
    return;
  }
  const auto reason = offload::may_begin(*turn, planned->plan, *node, paid, options.despite);
  if (!reason.ok()) return context.fail(reason.status());
  context.out << *reason << '\n';
  start(context, *rollouts, *turn, *reason, options);
  for (const offload::Step& step : turn->steps)
    context.out << "on the host, once " << step.service << " has moved: " << step.afterwards << '\n';
}

}  // namespace

void add_plan_apply(CLI::App& plan, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command =
      plan.add_subcommand("apply",
                          "Start the rollouts of the first wave that is not done.\n"
                          "Example: outrigger plan apply -f inventory.yaml --scorecard wave1.json");
  add_plan_files(*command, options->files);
  add_target_options(*command, context);
  command->add_option("--wave", options->wave, "this one; also one whose rollouts went back")
      ->type_name("NUMBER");
  command
      ->add_option("--scorecard", options->scorecard,
                   "of the wave before, from `outrigger scorecard -o json`: it must say pays")
      ->type_name("FILE");
  command
      ->add_option("--despite", options->despite,
                   "begin without one that pays; the reason goes on record with the rollouts")
      ->type_name("REASON");
  add_duration(*command, "--shadow", options->shadow, "of each rollout; 10s when left out");
  add_duration(*command, "--settle", options->settle, "of each rollout; 30s when left out");
  add_duration(*command, "--analyse", options->analyse, "of each rollout; 60s when left out, 0 for no gate");
  add_percent(*command, "--margin", options->margin, "by so much p99 may grow; 5% when left out");
  command->add_flag("--dry-run", options->dry_run, "check only");
  command->callback([options, &context] { apply(context, *options); });
}

}  // namespace outrigger::cli
