#include "compiler/policies.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::compiler {

using manifest::AdminPolicy;
using manifest::NetworkPolicy;
using manifest::PolicyRule;
using manifest::PortMatch;
using ::outrigger::engine::v1::Rule;

namespace {

constexpr uint32_t kRanks = 1u << 24;             // update.proto: a rank is below this
constexpr uint32_t kRanksPerPriority = 1u << 14;  // 1001 priorities fit

const char* word(bool ingress) { return ingress ? "ingress" : "egress"; }

Rule::Action action(manifest::Action from) {
  switch (from) {
    case manifest::Action::kAllow:
      return Rule::ALLOW;
    case manifest::Action::kDeny:
      return Rule::DENY;
    case manifest::Action::kPass:
      return Rule::PASS;
  }
  return Rule::DENY;
}

uint32_t rules(const AdminPolicy& policy) {
  return static_cast<uint32_t>(std::max(policy.ingress.size(), policy.egress.size()));
}

// First rank of each policy, in the order they are judged.  Each priority has ranks of its own, so that a new
// policy moves only those of its priority; when one overflows, all are numbered through instead.
std::vector<uint32_t> first_ranks(const std::vector<const AdminPolicy*>& policies) {
  std::vector<uint32_t> spread, dense;
  uint32_t next = 0, total = 0, priority = 0;
  bool overflow = false;
  for (const AdminPolicy* policy : policies) {
    if (policy->priority != priority) next = policy->priority * kRanksPerPriority;
    priority = policy->priority;
    spread.push_back(next);
    dense.push_back(total);
    next += rules(*policy);
    total += rules(*policy);
    overflow = overflow || next > (priority + 1) * kRanksPerPriority || next > kRanks;
  }
  return overflow ? dense : spread;
}

Ports ports_of(const PortMatch& port) {
  return {port.protocol ? static_cast<uint8_t>(*port.protocol) : uint8_t{0}, port.first, port.last};
}

void sort_unique(auto& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

Policies::Policies(const Objects& objects, const Subjects& subjects, Ids& ids)
    : subjects_(subjects), ids_(ids), selectors_(subjects, ids.selectors) {
  for (const NetworkPolicy* policy : objects.policies) add(*policy);
  status_ = add_admin(objects.admin);
  for (const AdminPolicy* policy : objects.baseline) add(*policy, 0);
}

absl::Status Policies::add_admin(const std::vector<const AdminPolicy*>& policies) {
  const std::vector<uint32_t> ranks = first_ranks(policies);
  for (size_t i = 0; i < policies.size(); ++i) {
    if (ranks[i] + rules(*policies[i]) > kRanks) {
      return absl::ResourceExhaustedError(absl::StrCat("AdminNetworkPolicy ", policies[i]->meta.name,
                                                       ": more than ", kRanks, " rules in front of it"));
    }
    add(*policies[i], ranks[i]);
  }
  return absl::OkStatus();
}

void Policies::add_parts(AnyPolicy& policy, const std::vector<PolicyRule>& rules, bool ingress,
                         uint32_t first_rank) {
  for (size_t i = 0; i < rules.size(); ++i) {
    std::string name = absl::StrCat(policy.name, " ", word(ingress), "[", i, "]");
    if (!rules[i].name.empty()) absl::StrAppend(&name, " \"", rules[i].name, "\"");
    policy.parts.push_back({.rule = &rules[i],
                            .id = ids_.rules.id(name),
                            .ingress = ingress,
                            .rank = first_rank + static_cast<uint32_t>(i)});
    rule_names_.emplace(policy.parts.back().id, std::move(name));
    for (const PortMatch& port : rules[i].ports) {
      if (ingress && !port.name.empty()) add_named(policy, port);
    }
  }
}

// Rules of a direction that policyTypes leaves out have no effect.
void Policies::add(const NetworkPolicy& policy) {
  AnyPolicy made{.name = absl::StrCat("NetworkPolicy ", full_name(policy.meta)),
                 .ns = policy.meta.ns,
                 .tier = Rule::NETWORK,
                 .ingress_isolated = policy.ingress_isolated,
                 .egress_isolated = policy.egress_isolated,
                 .subjects = subjects_.in_namespace(policy.meta.ns, policy.subject)};
  if (policy.ingress_isolated) add_parts(made, policy.ingress, true, 0);
  if (policy.egress_isolated) add_parts(made, policy.egress, false, 0);
  all_.push_back(std::move(made));
}

void Policies::add(const AdminPolicy& policy, uint32_t first_rank) {
  AnyPolicy made{.name = absl::StrCat(policy.baseline ? "BaselineAdminNetworkPolicy " : "AdminNetworkPolicy ",
                                      policy.meta.name),
                 .tier = policy.baseline ? Rule::BASELINE : Rule::ADMIN,
                 .subjects = subjects_.in_namespaces(policy.subject_namespaces,
                                                     policy.subject_pods ? &*policy.subject_pods : nullptr)};
  add_parts(made, policy.ingress, true, first_rank);
  add_parts(made, policy.egress, false, first_rank);
  all_.push_back(std::move(made));
}

absl::Status Policies::write(Compiled& out) {
  if (!status_.ok()) return status_;
  out.rule_names = std::move(rule_names_);
  std::vector<Chosen> chosen(subjects_.all().size());
  for (uint32_t i = 0; i < all_.size(); ++i) {
    for (const uint32_t subject : all_[i].subjects) {
      if (subjects_[subject].enforced) chosen[subject].push_back(i);
    }
  }
  absl::flat_hash_map<std::pair<Chosen, std::string>, uint32_t> classes;
  for (uint32_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i].empty()) continue;
    const Subject& subject = subjects_[i];
    const auto [at, fresh] = classes.try_emplace({chosen[i], resolution(chosen[i], subject)}, 0);
    if (fresh) {
      const std::string name = class_name(chosen[i], subject);
      at->second = ids_.classes.id(name);
      out.class_names.emplace(at->second, name);
      write_class(at->second, chosen[i], subject, out);
    }
    auto& made = *out.policy.add_set_subjects();
    made.set_endpoint(subject.id);
    made.set_class_(at->second);
  }
  selectors_.write(out.policy);
  return absl::OkStatus();
}

void Policies::add_named(AnyPolicy& policy, const PortMatch& port) {
  const unsigned protocol = port.protocol ? static_cast<unsigned>(*port.protocol) : 0;
  const auto [at, fresh] = index_of_name_.try_emplace(absl::StrCat(port.name, "/", protocol), names_.size());
  if (fresh) names_.push_back(&port);
  policy.named.push_back(at->second);
}

// What the named ingress ports of the policies are on this subject: part of what its class means.
std::string Policies::resolution(const Chosen& chosen, const Subject& subject) const {
  if (names_.empty() || subject.ports->empty()) return "";
  std::vector<bool> asked(names_.size());
  std::set<std::string> found;
  for (const uint32_t index : chosen) {
    for (const uint32_t name : all_[index].named) {
      if (asked[name]) continue;
      asked[name] = true;
      for (const Ports& ports : resolve(*names_[name], subject)) {
        found.insert(absl::StrCat(names_[name]->name, "=", unsigned{ports.protocol}, "/", ports.first));
      }
    }
  }
  return absl::StrJoin(found, " ");
}

std::string Policies::class_name(const Chosen& chosen, const Subject& sample) const {
  std::string name = absl::StrJoin(
      chosen, ", ", [this](std::string* out, uint32_t index) { absl::StrAppend(out, all_[index].name); });
  const std::string ports = resolution(chosen, sample);
  return ports.empty() ? name : absl::StrCat(name, " [", ports, "]");
}

// The rule that is charged when isolation denies: the first policy by name that isolates, and how many more
// do.
uint32_t Policies::isolation(const Chosen& chosen, bool ingress, Compiled& out) {
  const AnyPolicy* first = nullptr;
  size_t more = 0;
  for (const uint32_t index : chosen) {
    const AnyPolicy& policy = all_[index];
    if (!(ingress ? policy.ingress_isolated : policy.egress_isolated)) continue;
    if (first == nullptr) {
      first = &policy;
    } else {
      ++more;
    }
  }
  if (first == nullptr) return 0;
  std::string name = absl::StrCat(first->name, " ", word(ingress), " isolation");
  if (more > 0) absl::StrAppend(&name, " (and ", more, " more)");
  const uint32_t id = ids_.rules.id(name);
  out.rule_names.emplace(id, std::move(name));
  return id;
}

void Policies::write_class(uint32_t id, const Chosen& chosen, const Subject& sample, Compiled& out) {
  auto& made = *out.policy.add_set_classes();
  made.set_id(id);
  made.set_ingress_default_rule(isolation(chosen, true, out));
  made.set_egress_default_rule(isolation(chosen, false, out));
  made.set_ingress_isolated(made.ingress_default_rule() != 0);
  made.set_egress_isolated(made.egress_default_rule() != 0);
  for (const uint32_t index : chosen) {
    for (PolicyPart& part : all_[index].parts) write_part(all_[index], part, id, sample, out);
  }
}

void Policies::prepare(const AnyPolicy& policy, PolicyPart& part) {
  if (part.ready) return;
  part.ready = true;
  part.selectors = selectors_.of(*part.rule, policy.ns);
  if (part.rule->ports.empty()) part.ports.push_back({});
  for (const PortMatch& port : part.rule->ports) {
    if (port.name.empty()) {
      part.ports.push_back(ports_of(port));
    } else if (part.ingress) {
      part.named.push_back(&port);
    } else {
      for (const auto& found : selectors_.of(*part.rule, policy.ns, port)) part.resolved.push_back(found);
    }
  }
  sort_unique(part.resolved);
}

void Policies::write_part(const AnyPolicy& policy, PolicyPart& part, uint32_t class_id, const Subject& sample,
                          Compiled& out) {
  prepare(policy, part);
  std::vector<Ports> ports = part.ports;
  for (const PortMatch* named : part.named) {
    for (const Ports& resolved : resolve(*named, sample)) ports.push_back(resolved);
  }
  sort_unique(ports);
  std::vector<Selectors::Resolved> matches = part.resolved;
  for (const uint32_t selector : part.selectors) {
    for (const Ports& wanted : ports) matches.emplace_back(selector, wanted);
  }
  for (const auto& [selector, wanted] : matches) {
    Rule& rule = *out.policy.add_add_rules();
    rule.set_id(part.id);
    rule.set_class_(class_id);
    rule.set_direction(part.ingress ? Rule::INGRESS : Rule::EGRESS);
    rule.set_selector(selector);
    rule.set_protocol(wanted.protocol);
    rule.set_first_port(wanted.first);
    rule.set_last_port(wanted.last);
    rule.set_tier(policy.tier);
    rule.set_action(action(part.rule->action));
    rule.set_rank(part.rank);
  }
}

}  // namespace outrigger::compiler
