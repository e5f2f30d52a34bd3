// Policies to classes and rules.  An endpoint's class is the set of policies that select it, and what their
// named ingress ports are on it: endpoints alike share one class, and its rules are written once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "compiler/compiler.h"
#include "compiler/selectors.h"
#include "compiler/subjects.h"

namespace outrigger::compiler {

// One rule of one policy, before it is written into classes.
struct PolicyPart {
  const manifest::PolicyRule* rule = nullptr;
  uint32_t id = 0;  // RuleId
  bool ingress = true;
  uint32_t rank = 0;
  // Filled when the first class needs it:
  bool ready = false;
  std::vector<uint32_t> selectors;
  std::vector<Ports> ports;                       // by number
  std::vector<const manifest::PortMatch*> named;  // ingress only: resolved by the class
  std::vector<Selectors::Resolved> resolved;      // egress only
};

// A policy of any of the three kinds.
struct AnyPolicy {
  std::string name;  // "NetworkPolicy shop/web"
  std::string ns;
  ::outrigger::engine::v1::Rule::Tier tier{};
  bool ingress_isolated = false;
  bool egress_isolated = false;
  Subjects::Members subjects;
  std::vector<PolicyPart> parts;
  std::vector<uint32_t> named;  // its named ingress ports, indices of Policies::names_
};

class Policies {
 public:
  Policies(const Objects& objects, const Subjects& subjects, Ids& ids);

  // Writes classes, subjects, selectors and rules, and their names.
  absl::Status write(Compiled& out);

 private:
  using Chosen = std::vector<uint32_t>;  // indices of policies, ascending

  void add(const manifest::NetworkPolicy& policy);
  void add(const manifest::AdminPolicy& policy, uint32_t first_rank);
  void add_parts(AnyPolicy& policy, const std::vector<manifest::PolicyRule>& rules, bool ingress,
                 uint32_t first_rank);
  void add_named(AnyPolicy& policy, const manifest::PortMatch& port);
  absl::Status add_admin(const std::vector<const manifest::AdminPolicy*>& policies);
  void write_class(uint32_t id, const Chosen& chosen, const Subject& sample, Compiled& out);
  void write_part(const AnyPolicy& policy, PolicyPart& part, uint32_t class_id, const Subject& sample,
                  Compiled& out);
  void prepare(const AnyPolicy& policy, PolicyPart& part);
  uint32_t isolation(const Chosen& chosen, bool ingress, Compiled& out);
  [[nodiscard]] std::string class_name(const Chosen& chosen, const Subject& sample) const;
  [[nodiscard]] std::string resolution(const Chosen& chosen, const Subject& subject) const;

  const Subjects& subjects_;
  Ids& ids_;
  Selectors selectors_;
  std::vector<AnyPolicy> all_;
  std::map<uint32_t, std::string> rule_names_;
  std::vector<const manifest::PortMatch*> names_;  // each named ingress port once
  absl::flat_hash_map<std::string, uint32_t> index_of_name_;
  absl::Status status_;
};

}  // namespace outrigger::compiler
