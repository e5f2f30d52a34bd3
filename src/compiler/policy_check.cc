#include "compiler/policy_check.h"

#include <map>
#include <nlohmann/json.hpp>

#include "compiler/compiler.h"
#include "compiler/parties.h"
#include "services/policy/table.h"

namespace outrigger::compiler {

struct PolicyCheck::State {
  Parties parties;
  policy::PolicyTable table;
  std::map<uint32_t, std::string> rule_names;

  [[nodiscard]] SideVerdict judge(policy::Direction direction, const Party& subject, const Party& peer,
                                  const FlowSpec& flow) const {
    if (subject.person == nullptr || !subject.person->enforced) return {};
    const policy::Peer other{peer.person == nullptr ? kNoEndpoint : peer.person->id, peer.address};
    const engine::Judgement judgement =
        table.judge(direction, subject.person->id, other, flow.protocol, flow.port);
    const auto name = rule_names.find(judgement.rule.value());
    return {true, judgement.allowed, name == rule_names.end() ? "" : name->second};
  }
};

namespace {

// Two that allow: what let it in says more than what let it out.
std::string deciding(const Verdict& verdict) {
  if (!verdict.egress.allowed) return verdict.egress.rule;
  if (!verdict.ingress.allowed) return verdict.ingress.rule;
  return verdict.ingress.rule.empty() ? verdict.egress.rule : verdict.ingress.rule;
}

nlohmann::ordered_json side_json(const SideVerdict& side) {
  return {{"judged", side.judged}, {"verdict", side.allowed ? "allow" : "deny"}, {"rule", side.rule}};
}

}  // namespace

std::string to_json(const Verdict& verdict) {
  const nlohmann::ordered_json json = {
      {"source", verdict.source},
      {"destination", verdict.destination},
      {"protocol", verdict.protocol},
      {"port", verdict.port},
      {"verdict", verdict.allowed ? "allow" : "deny"},
      {"rule", verdict.rule},
      {"egress", side_json(verdict.egress)},
      {"ingress", side_json(verdict.ingress)},
  };
  return json.dump();
}

PolicyCheck::PolicyCheck(std::unique_ptr<State> state) : state_(std::move(state)) {}
PolicyCheck::~PolicyCheck() = default;
PolicyCheck::PolicyCheck(PolicyCheck&&) noexcept = default;
PolicyCheck& PolicyCheck::operator=(PolicyCheck&&) noexcept = default;

absl::StatusOr<PolicyCheck> PolicyCheck::build(const std::vector<const manifest::Object*>& list) {
  Ids ids;
  absl::StatusOr<Compiled> compiled = compile(list, "", {}, ids);
  if (!compiled.ok()) return compiled.status();
  const Objects objects(list);
  const Subjects subjects(objects, /*with_pods=*/true, ids.endpoints);
  auto state = std::make_unique<State>(
      State{Parties(objects, subjects), policy::PolicyTable(), std::move(compiled->rule_names)});
  if (absl::Status status = state->table.apply(compiled->policy, Epoch{1}); !status.ok()) return status;
  return PolicyCheck(std::move(state));
}

absl::StatusOr<Verdict> PolicyCheck::check(const FlowSpec& flow) const {
  const absl::StatusOr<Pair> pair = state_->parties.find(flow.source, flow.destination);
  if (!pair.ok()) return pair.status();
  Verdict verdict{flow.source, flow.destination, protocol_name(flow.protocol), flow.port, true, "", {}, {}};
  const auto& [source, destination] = *pair;
  // Nobody can be cut off from itself: such packets never leave it.
  if (source.person == nullptr || source.person != destination.person) {
    verdict.egress = state_->judge(policy::Direction::kEgress, source, destination, flow);
    verdict.ingress = state_->judge(policy::Direction::kIngress, destination, source, flow);
  }
  verdict.allowed = verdict.egress.allowed && verdict.ingress.allowed;
  verdict.rule = deciding(verdict);
  return verdict;
}

}  // namespace outrigger::compiler
