#include "services/policy/carry_out.h"

#include "services/policy/parse.h"

namespace outrigger::policy {
namespace {

namespace pb = ::outrigger::engine::v1;
constexpr size_t kFewBlocks = 64;  // more than these are noted as their whole class

class Change {
 public:
  Change(Tables& tables, Epoch epoch) : tables_(tables), epoch_(epoch) {}

  void remove_rule(const FlatRule& rule);
  void remove_subject(EndpointId endpoint);
  void remove_class(uint32_t id);
  void set_class(const pb::Class& message);
  void set_subject(const pb::Subject& message);
  void set_selector(uint32_t id, const Selector& selector);
  void add_rule(const pb::Rule& message);
  void finish();

 private:
  ClassEntry& new_class(uint32_t id);
  void note(const FlatRule& rule);
  void note_users(uint32_t id, const Selector& changed);
  static uint32_t& rules_of(ClassEntry& entry, const FlatRule& rule) {
    return entry.rules[rule.owner.direction()];
  }

  Tables& tables_;
  Epoch epoch_;
  std::vector<uint32_t> freed_slots_;  // not given out again in this change: subjects may still be leaving
};

// The judgements that a rule takes part in.
void Change::note(const FlatRule& rule) {
  const Selector* selector = rule.selector == 0 ? nullptr : tables_.selectors.find(rule.selector);
  if (selector == nullptr || !selector->endpoints.empty() || selector->blocks.size() > kFewBlocks) {
    return tables_.changes.owner(rule.owner, epoch_);
  }
  for (const Block& block : selector->blocks) tables_.changes.prefix(rule.owner, block.cidr, epoch_);
}

void Change::note_users(uint32_t id, const Selector& changed) {
  bool used = false;
  tables_.rules.for_each_user(id, [&](Owner owner, uint32_t) {
    used = true;
    if (changed.blocks.size() > kFewBlocks) return tables_.changes.owner(owner, epoch_);
    for (const Block& block : changed.blocks) tables_.changes.prefix(owner, block.cidr, epoch_);
  });
  if (!used) return;
  for (const EndpointId endpoint : changed.endpoints) tables_.changes.peer(endpoint, epoch_);
}

void Change::remove_rule(const FlatRule& rule) {
  note(rule);
  tables_.rules.remove(rule);
  --rules_of(tables_.classes[rule.owner.slot()], rule);
}

void Change::remove_subject(EndpointId endpoint) {
  tables_.changes.subject(endpoint, epoch_);
  --tables_.classes[*tables_.subjects.find(Tables::subject_key(endpoint))].subjects;
  tables_.subjects.erase(Tables::subject_key(endpoint));
}

void Change::remove_class(uint32_t id) {
  freed_slots_.push_back(*tables_.slots.find(id));
  tables_.slots.erase(id);
}

ClassEntry& Change::new_class(uint32_t id) {
  if (tables_.free_slots.empty()) {
    tables_.free_slots.push_back(static_cast<uint32_t>(tables_.classes.size()));
    tables_.classes.emplace_back();
  }
  const uint32_t slot = tables_.free_slots.back();
  tables_.free_slots.pop_back();
  tables_.slots[id] = slot;
  tables_.classes[slot] = ClassEntry{.id = id};
  return tables_.classes[slot];
}

void Change::set_class(const pb::Class& message) {
  const uint32_t* present = tables_.slots.find(message.id());
  ClassEntry& entry = present == nullptr ? new_class(message.id()) : tables_.classes[*present];
  const std::array<bool, 2> isolated = {message.ingress_isolated(), message.egress_isolated()};
  const std::array<RuleId, 2> default_rule = {RuleId{message.ingress_default_rule()},
                                              RuleId{message.egress_default_rule()}};
  for (const size_t way : {0, 1}) {
    if (entry.isolated[way] == isolated[way] && entry.default_rule[way] == default_rule[way]) continue;
    entry.isolated[way] = isolated[way];
    entry.default_rule[way] = default_rule[way];
    tables_.changes.owner(Owner(*tables_.slots.find(message.id()), way), epoch_);
  }
}

void Change::set_subject(const pb::Subject& message) {
  const EndpointId endpoint{message.endpoint()};
  const uint32_t slot = *tables_.slots.find(message.class_());
  if (const uint32_t* present = tables_.subjects.find(Tables::subject_key(endpoint))) {
    if (*present == slot) return;
    --tables_.classes[*present].subjects;
  }
  tables_.subjects[Tables::subject_key(endpoint)] = slot;
  ++tables_.classes[slot].subjects;
  tables_.changes.subject(endpoint, epoch_);
}

void Change::set_selector(uint32_t id, const Selector& selector) {
  const Selector* present = tables_.selectors.find(id);
  const Selector none;
  note_users(id, (present == nullptr ? none : *present).without(selector));
  note_users(id, selector.without(present == nullptr ? none : *present));
  tables_.selectors.set(id, selector);
}

void Change::add_rule(const pb::Rule& message) {
  const FlatRule rule = flatten(message, *tables_.slots.find(message.class_()));
  note(rule);
  tables_.rules.add(rule);
  ++rules_of(tables_.classes[rule.owner.slot()], rule);
}

void Change::finish() {
  for (const uint32_t slot : freed_slots_) tables_.classes[slot] = {};
  tables_.free_slots.insert(tables_.free_slots.end(), freed_slots_.begin(), freed_slots_.end());
}

}  // namespace

void carry_out(Tables& tables, const pb::Policy& message, const Plan& plan, Epoch epoch) {
  Change change(tables, epoch);
  for (const FlatRule& rule : plan.removals) change.remove_rule(rule);
  for (const uint32_t id : message.remove_subjects()) change.remove_subject(EndpointId{id});
  for (const uint32_t id : message.remove_classes()) change.remove_class(id);
  for (const uint32_t id : message.remove_selectors()) tables.selectors.remove(id);
  for (const pb::Class& entry : message.set_classes()) change.set_class(entry);
  for (const pb::Subject& subject : message.set_subjects()) change.set_subject(subject);
  for (const auto& [id, selector] : plan.selectors) change.set_selector(id, selector);
  for (const pb::Rule& rule : message.add_rules()) change.add_rule(rule);
  change.finish();
}

}  // namespace outrigger::policy
