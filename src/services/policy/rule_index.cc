#include "services/policy/rule_index.h"

namespace outrigger::policy {
namespace {

uint64_t width_key(uint32_t cell, uint8_t protocol, unsigned bit) {
  return uint64_t{cell} << 7 | uint64_t{protocol != 0} << 6 | bit;
}

}  // namespace

void RuleIndex::add(const FlatRule& rule) {
  Cell& cell = cell_for(rule);
  ++cell.rules;
  ++rules_;
  rule.for_each_prefix([&](unsigned width, uint16_t prefix) {
    const unsigned bit = bit_of(rule.order.tier(), width);
    use_width(cell, rule, bit);
    add_entry(rule_key(cell.id, rule.protocol, bit, prefix), rule);
  });
}

void RuleIndex::remove(const FlatRule& rule) {
  Cell& cell = *cells_.find(cell_key(rule.owner, rule.selector));
  rule.for_each_prefix([&](unsigned width, uint16_t prefix) {
    const unsigned bit = bit_of(rule.order.tier(), width);
    leave_width(cell, rule, bit);
    remove_entry(rule_key(cell.id, rule.protocol, bit, prefix), rule);
  });
  --rules_;
  if (--cell.rules == 0) drop_cell(rule, cell.id);
}

// All prefixes of a rule come and go together, so the first tells.
size_t RuleIndex::count(const FlatRule& rule) const {
  const Cell* cell = cells_.find(cell_key(rule.owner, rule.selector));
  if (cell == nullptr) return 0;
  uint64_t key = 0;
  rule.for_each_prefix([&](unsigned width, uint16_t prefix) {
    if (key == 0) key = rule_key(cell->id, rule.protocol, bit_of(rule.order.tier(), width), prefix);
  });
  const Entry* entry = entries_.find(key);
  if (entry == nullptr) return 0;
  const size_t best = entry->order == rule.order && entry->range == rule.range() ? 1 : 0;
  return best + (entry->spare == 0 ? 0 : spare_.count({key, rule.order, rule.range()}));
}

RuleIndex::Cell& RuleIndex::cell_for(const FlatRule& rule) {
  Cell& cell = cells_[cell_key(rule.owner, rule.selector)];
  if (cell.id != 0) return cell;
  if (free_cells_.empty()) {
    cell.id = static_cast<uint32_t>(uses_.size());
    uses_.emplace_back();
  } else {
    cell.id = free_cells_.back();
    free_cells_.pop_back();
  }
  link(cell.id, rule);
  return cell;
}

void RuleIndex::drop_cell(const FlatRule& rule, uint32_t id) {
  unlink(id, rule.selector);
  free_cells_.push_back(id);
  cells_.erase(cell_key(rule.owner, rule.selector));
}

// Nobody asks for the users of selector 0: it never changes.
void RuleIndex::link(uint32_t id, const FlatRule& rule) {
  uses_[id] = {rule.owner, 0, 0};
  if (rule.selector == 0) return;
  uint32_t& head = users_[rule.selector];
  uses_[id].next = head;
  if (head != 0) uses_[head].previous = id;
  head = id;
}

void RuleIndex::unlink(uint32_t id, uint32_t selector) {
  if (selector == 0) return;
  const Use use = uses_[id];
  if (use.next != 0) uses_[use.next].previous = use.previous;
  if (use.previous != 0) {
    uses_[use.previous].next = use.next;
  } else if (use.next != 0) {
    users_[selector] = use.next;
  } else {
    users_.erase(selector);
  }
}

void RuleIndex::add_entry(uint64_t key, const FlatRule& rule) {
  Entry& entry = entries_[key];
  if (!entry.order.found()) {
    entry = {rule.order, rule.range(), 0};
    return;
  }
  Spare spare{key, rule.order, rule.range()};
  if (rule.order < entry.order) {
    spare = {key, entry.order, entry.range};
    entry.order = rule.order;
    entry.range = rule.range();
  }
  spare_.insert(spare);
  ++entry.spare;
}

void RuleIndex::remove_entry(uint64_t key, const FlatRule& rule) {
  Entry& entry = *entries_.find(key);
  if (entry.order == rule.order && entry.range == rule.range()) {
    if (entry.spare == 0) return entries_.erase(key);
    const auto next = spare_.lower_bound({key, Order::first(), 0});
    entry = {std::get<Order>(*next), std::get<uint32_t>(*next), entry.spare - 1};
    spare_.erase(next);
    return;
  }
  spare_.erase(spare_.find({key, rule.order, rule.range()}));
  --entry.spare;
}

void RuleIndex::use_width(Cell& cell, const FlatRule& rule, unsigned bit) {
  (rule.protocol == 0 ? cell.any : cell.exact) |= 1ULL << bit;
  ++widths_[width_key(cell.id, rule.protocol, bit)];
}

void RuleIndex::leave_width(Cell& cell, const FlatRule& rule, unsigned bit) {
  const uint64_t key = width_key(cell.id, rule.protocol, bit);
  if (--*widths_.find(key) != 0) return;
  widths_.erase(key);
  (rule.protocol == 0 ? cell.any : cell.exact) &= ~(1ULL << bit);
}

size_t RuleIndex::cell_bytes() const {
  return cells_.bytes() + widths_.bytes() + users_.bytes() + uses_.capacity() * sizeof(Use) +
         free_cells_.capacity() * sizeof(uint32_t);
}

size_t RuleIndex::prefix_bytes() const { return entries_.bytes() + spare_.size() * sizeof(Spare); }

}  // namespace outrigger::policy
