#include "services/policy/check.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/policy/parse.h"

namespace outrigger::policy {
namespace {

namespace pb = ::outrigger::engine::v1;
using IdSet = absl::flat_hash_set<uint32_t>;
using Counts = absl::flat_hash_map<uint32_t, uint64_t>;

uint64_t count_in(const Counts& counts, uint32_t id) {
  const auto found = counts.find(id);
  return found == counts.end() ? 0 : found->second;
}

// One rule and how often it was added, as a key.
using RuleName = std::tuple<uint64_t, uint64_t, Order>;
RuleName name_of(const FlatRule& rule) {
  return {uint64_t{rule.owner.value} << 32 | rule.selector, uint64_t{rule.protocol} << 32 | rule.range(),
          rule.order};
}

class Checker {
 public:
  Checker(const Tables& tables, const pb::Policy& change) : tables_(tables), change_(change) {
    plan_.after = tables.used();
  }
  absl::Status run();
  Plan take() { return std::move(plan_); }

 private:
  absl::Status classes();
  absl::Status subjects();
  absl::Status selectors();
  absl::Status removed_rules();
  absl::Status added_rules();
  absl::Status nothing_dangles() const;
  absl::Status leave(const pb::Rule& rule);
  void leave_class(EndpointId endpoint);
  uint64_t& after(Kind kind) { return plan_.after[static_cast<size_t>(kind)]; }
  [[nodiscard]] bool class_stays(uint32_t id) const {
    return set_classes_.contains(id) || (tables_.class_of(id) != nullptr && !removed_classes_.contains(id));
  }
  [[nodiscard]] bool selector_stays(uint32_t id) const {
    return id == 0 || set_selectors_.contains(id) ||
           (tables_.selectors.find(id) != nullptr && !removed_selectors_.contains(id));
  }

  const Tables& tables_;
  const pb::Policy& change_;
  Plan plan_;
  IdSet removed_classes_, set_classes_, removed_selectors_, set_selectors_;
  absl::flat_hash_map<RuleName, size_t> removed_;  // how often each rule is removed
  Counts rules_of_class_, rules_of_selector_;      // removed
  Counts subjects_of_class_;                       // removed, or given another class
};

absl::Status not_there(const char* what, uint32_t id) {
  return absl::NotFoundError(absl::StrCat(what, " ", id, ": does not exist, cannot be removed"));
}
absl::Status twice(const char* what, uint32_t id) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", id, ": named twice"));
}
absl::Status zero(const char* what, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat(what, " 0: ", why));
}

absl::Status Checker::run() {
  for (const auto part : {&Checker::classes, &Checker::subjects, &Checker::selectors, &Checker::removed_rules,
                          &Checker::added_rules}) {
    if (absl::Status status = (this->*part)(); !status.ok()) return status;
  }
  return nothing_dangles();
}

absl::Status Checker::classes() {
  for (const uint32_t id : change_.remove_classes()) {
    if (tables_.class_of(id) == nullptr) return not_there("class", id);
    if (!removed_classes_.insert(id).second) return twice("class", id);
    --after(Kind::kClasses);
  }
  for (const pb::Class& entry : change_.set_classes()) {
    if (entry.id() == 0) return zero("class", "ids begin at 1");
    if (!class_stays(entry.id())) ++after(Kind::kClasses);
    if (!set_classes_.insert(entry.id()).second) return twice("class", entry.id());
  }
  return absl::OkStatus();
}

void Checker::leave_class(EndpointId endpoint) {
  const uint32_t* slot = tables_.subjects.find(Tables::subject_key(endpoint));
  if (slot != nullptr) ++subjects_of_class_[tables_.classes[*slot].id];
}

absl::Status Checker::subjects() {
  IdSet removed;
  IdSet set;
  for (const uint32_t id : change_.remove_subjects()) {
    if (tables_.subjects.find(Tables::subject_key(EndpointId{id})) == nullptr)
      return not_there("subject", id);
    if (!removed.insert(id).second) return twice("subject", id);
    leave_class(EndpointId{id});
    --after(Kind::kSubjects);
  }
  for (const pb::Subject& subject : change_.set_subjects()) {
    const uint32_t id = subject.endpoint();
    if (EndpointId{id} == kNoEndpoint)
      return absl::InvalidArgumentError(absl::StrCat("subject ", id, ": is no endpoint"));
    if (!set.insert(id).second) return twice("subject", id);
    if (!class_stays(subject.class_())) {
      return absl::NotFoundError(
          absl::StrCat("subject ", id, ": class ", subject.class_(), " does not exist"));
    }
    const bool present =
        tables_.subjects.find(Tables::subject_key(EndpointId{id})) != nullptr && !removed.contains(id);
    if (present) leave_class(EndpointId{id});
    if (!present) ++after(Kind::kSubjects);
  }
  return absl::OkStatus();
}

absl::Status Checker::selectors() {
  for (const uint32_t id : change_.remove_selectors()) {
    const Selector* present = tables_.selectors.find(id);
    if (present == nullptr) return not_there("selector", id);
    if (!removed_selectors_.insert(id).second) return twice("selector", id);
    --after(Kind::kSelectors);
    after(Kind::kBlocks) -= present->blocks.size();
  }
  for (const pb::Selector& message : change_.set_selectors()) {
    const uint32_t id = message.id();
    if (id == 0) return zero("selector", "matches every address and cannot be set");
    if (set_selectors_.contains(id)) return twice("selector", id);
    absl::StatusOr<Selector> selector = parse_selector(message);
    if (!selector.ok()) return selector.status();
    const Selector* present = removed_selectors_.contains(id) ? nullptr : tables_.selectors.find(id);
    if (present == nullptr) ++after(Kind::kSelectors);
    after(Kind::kBlocks) += selector->blocks.size() - (present == nullptr ? 0 : present->blocks.size());
    set_selectors_.insert(id);
    plan_.selectors.emplace_back(id, *std::move(selector));
  }
  return absl::OkStatus();
}

absl::Status Checker::leave(const pb::Rule& rule) {
  const uint32_t* slot = tables_.slots.find(rule.class_());
  if (slot != nullptr) {
    const FlatRule flat = flatten(rule, *slot);
    if (++removed_[name_of(flat)] <= tables_.rules.count(flat)) {
      plan_.removals.push_back(flat);
      ++rules_of_class_[rule.class_()];
      ++rules_of_selector_[rule.selector()];
      --after(Kind::kRules);
      after(Kind::kPortPrefixes) -= flat.prefixes();
      return absl::OkStatus();
    }
  }
  return not_there("rule", rule.id());
}

absl::Status Checker::removed_rules() {
  for (const pb::Rule& rule : change_.remove_rules()) {
    if (absl::Status status = well_formed(rule); !status.ok()) return status;
    if (absl::Status status = leave(rule); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Checker::added_rules() {
  for (const pb::Rule& rule : change_.add_rules()) {
    if (absl::Status status = well_formed(rule); !status.ok()) return status;
    if (!class_stays(rule.class_())) {
      return absl::NotFoundError(
          absl::StrCat("rule ", rule.id(), ": class ", rule.class_(), " does not exist"));
    }
    if (!selector_stays(rule.selector())) {
      return absl::NotFoundError(
          absl::StrCat("rule ", rule.id(), ": selector ", rule.selector(), " does not exist"));
    }
    ++after(Kind::kRules);
    after(Kind::kPortPrefixes) += flatten(rule, 0).prefixes();
  }
  return absl::OkStatus();
}

// What is removed must not be used by what was there before and stays; added_rules looked at what comes.
absl::Status Checker::nothing_dangles() const {
  for (const uint32_t id : removed_classes_) {
    const ClassEntry& entry = *tables_.class_of(id);
    const uint64_t rules = entry.rules[0] + uint64_t{entry.rules[1]} - count_in(rules_of_class_, id);
    const uint64_t subjects = entry.subjects - count_in(subjects_of_class_, id);
    if (rules != 0 || subjects != 0) {
      return absl::FailedPreconditionError(absl::StrCat("class ", id, ": still has ", rules, " rules and ",
                                                        subjects, " subjects, cannot be removed"));
    }
  }
  for (const uint32_t id : removed_selectors_) {
    uint64_t rules = 0;
    tables_.rules.for_each_user(id, [&](Owner, uint32_t count) { rules += count; });
    rules -= count_in(rules_of_selector_, id);
    if (rules != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("selector ", id, ": still named by ", rules, " rules, cannot be removed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Plan> check(const Tables& tables, const pb::Policy& change) {
  Checker checker(tables, change);
  if (absl::Status status = checker.run(); !status.ok()) return status;
  return checker.take();
}

}  // namespace outrigger::policy
