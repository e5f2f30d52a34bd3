// Finds the best rule of each tier for (class, direction, selector, protocol, port) by hash alone.
//
// Theory of operation.  A cell is a (class, direction, selector) that has rules; it knows which (tier, port
// width) pairs are in use, for any protocol and for a named one, so only those are probed.  A rule lies under
// one key per port prefix of its range.  A key holds its best rule in place; the others wait in `spare_`, in
// order, and the next moves up when the best is removed.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <tuple>
#include <vector>

#include "absl/container/btree_set.h"
#include "base/id.h"
#include "services/policy/flat_map.h"
#include "services/policy/ports.h"

namespace outrigger::policy {

enum class Tier : uint8_t { kAdmin = 0, kNetwork = 1, kBaseline = 2 };
inline constexpr size_t kTiers = 3;
// In the order in which equal ranks are taken: the more careful first.
enum class Action : uint8_t { kDeny = 0, kPass = 1, kAllow = 2 };

// A rule's place in its tier as one number: (tier, rank, action, id), smaller is better.
class Order {
 public:
  constexpr Order() = default;
  constexpr Order(Tier tier, uint32_t rank, Action action, RuleId id)
      : bits_(uint64_t{static_cast<uint8_t>(tier)} << 58 | uint64_t{rank} << 34 |
              uint64_t{static_cast<uint8_t>(action)} << 32 | id.value()) {}
  static constexpr Order first() { return {Tier::kAdmin, 0, Action::kDeny, RuleId{0}}; }  // before all others
  [[nodiscard]] constexpr Tier tier() const { return static_cast<Tier>(bits_ >> 58 & 3); }
  [[nodiscard]] constexpr Action action() const { return static_cast<Action>(bits_ >> 32 & 3); }
  [[nodiscard]] constexpr RuleId id() const { return RuleId{static_cast<uint32_t>(bits_)}; }
  [[nodiscard]] constexpr bool found() const { return bits_ != kNothing; }
  friend constexpr auto operator<=>(Order, Order) = default;
  template <typename H>
  friend H AbslHashValue(H h, Order order) {
    return H::combine(std::move(h), order.bits_);
  }

 private:
  static constexpr uint64_t kNothing = ~0ULL;
  uint64_t bits_ = kNothing;
};
using Best = std::array<Order, kTiers>;

// Whose rules: the slot of a class and a direction.
struct Owner {
  uint32_t value;
  constexpr Owner(uint32_t slot, size_t direction) : value(slot << 1 | static_cast<uint32_t>(direction)) {}
  [[nodiscard]] constexpr uint32_t slot() const { return value >> 1; }
  [[nodiscard]] constexpr size_t direction() const { return value & 1; }
};

struct FlatRule {
  Owner owner{0, 0};
  uint32_t selector = 0;
  uint8_t protocol = 0;  // 0: any
  uint16_t first_port = 0;
  uint16_t last_port = 0;  // both 0: any
  Order order;

  [[nodiscard]] uint32_t range() const { return uint32_t{first_port} << 16 | last_port; }
  template <typename Fn>
  void for_each_prefix(Fn fn) const {
    for_each_port_prefix(first_port, range() == 0 ? 0xffff : last_port, fn);
  }
  [[nodiscard]] size_t prefixes() const {
    size_t count = 0;
    for_each_prefix([&](unsigned, uint16_t) { ++count; });
    return count;
  }
};

class RuleIndex {
 public:
  void add(const FlatRule& rule);
  void remove(const FlatRule& rule);  // which is there
  // How many times it was added.
  [[nodiscard]] size_t count(const FlatRule& rule) const;

  // Lowers `best` to the rules that match.
  void match(Owner owner, uint32_t selector, uint8_t protocol, uint16_t port, Best& best) const {
    const Cell* cell = cells_.find(cell_key(owner, selector));
    if (cell == nullptr) return;
    probe(*cell, cell->any, 0, port, best);
    if (protocol != 0) probe(*cell, cell->exact, protocol, port, best);
  }

  // fn(owner, rules) for each class and direction with rules that name `selector`, which is not 0.
  template <typename Fn>
  void for_each_user(uint32_t selector, Fn fn) const {
    const uint32_t* head = users_.find(selector);
    for (uint32_t id = head == nullptr ? 0 : *head; id != 0; id = uses_[id].next) {
      fn(uses_[id].owner, cells_.find(cell_key(uses_[id].owner, selector))->rules);
    }
  }
  [[nodiscard]] size_t rules() const { return rules_; }
  [[nodiscard]] size_t cells() const { return cells_.size(); }
  [[nodiscard]] size_t prefixes() const { return entries_.size() + spare_.size(); }
  [[nodiscard]] size_t cell_bytes() const;
  [[nodiscard]] size_t prefix_bytes() const;

 private:
  // `any` and `exact`: bit tier * kTierBits + width is set when rules for any, or for some named protocol use
  // it.
  struct Cell {
    uint32_t id = 0;
    uint32_t rules = 0;
    uint64_t any = 0;
    uint64_t exact = 0;
  };
  // The list of cells of one selector.
  struct Use {
    Owner owner{0, 0};
    uint32_t previous = 0;
    uint32_t next = 0;
  };
  struct Entry {
    Order order;
    uint32_t range = 0;  // the rule's whole range: tells apart rules that share this prefix
    uint32_t spare = 0;  // how many more wait in spare_
  };
  using Spare = std::tuple<uint64_t, Order, uint32_t>;  // key, order, range
  static constexpr unsigned kTierBits = 21;             // 3 * 21 <= 64, and 17 widths fit

  static constexpr uint64_t cell_key(Owner owner, uint32_t selector) {
    return (uint64_t{owner.value} + 1) << 32 | selector;
  }
  static constexpr unsigned bit_of(Tier tier, unsigned width) {
    return static_cast<unsigned>(tier) * kTierBits + width;
  }
  static constexpr uint64_t rule_key(uint32_t cell, uint8_t protocol, unsigned bit, uint16_t prefix) {
    return uint64_t{cell} << 30 | uint64_t{protocol} << 22 | uint64_t{bit} << 16 | prefix;
  }
  void probe(const Cell& cell, uint64_t bits, uint8_t protocol, uint16_t port, Best& best) const {
    for (; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      const uint16_t prefix = port_prefix(port, bit % kTierBits);
      const Entry* entry = entries_.find(rule_key(cell.id, protocol, bit, prefix));
      if (entry != nullptr && entry->order < best[bit / kTierBits]) best[bit / kTierBits] = entry->order;
    }
  }
  Cell& cell_for(const FlatRule& rule);
  void drop_cell(const FlatRule& rule, uint32_t id);
  void link(uint32_t id, const FlatRule& rule);
  void unlink(uint32_t id, uint32_t selector);
  void add_entry(uint64_t key, const FlatRule& rule);
  void remove_entry(uint64_t key, const FlatRule& rule);
  void use_width(Cell& cell, const FlatRule& rule, unsigned bit);
  void leave_width(Cell& cell, const FlatRule& rule, unsigned bit);

  FlatMap<uint64_t, Cell> cells_;
  FlatMap<uint64_t, Entry> entries_;
  absl::btree_multiset<Spare> spare_;
  FlatMap<uint64_t, uint32_t> widths_;           // (cell, named protocol or any, bit) -> rule prefixes there
  FlatMap<uint64_t, uint32_t> users_;            // selector -> its first cell in uses_
  std::vector<Use> uses_ = std::vector<Use>(1);  // by cell id; 0 is no cell
  std::vector<uint32_t> free_cells_;
  size_t rules_ = 0;
};

}  // namespace outrigger::policy
