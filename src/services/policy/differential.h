// The property that policy_fuzz and differential_test hold the table to.  A string of bytes is read as a
// history of changes in a small world (few classes, addresses and ports, so that everything collides); after
// each change
//   - the table judges like the naive evaluator,
//   - a judgement that differs from the one before is one that changed_since admits to,
//   - a refused change has changed nothing.
// At the end, a table given the whole state at once judges the same and holds as much.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "services/policy/make_policy.h"
#include "services/policy/naive.h"

namespace outrigger::policy::testing {

// Numbers out of the fuzzer's bytes; zeros when they are used up.
class Dice {
 public:
  explicit Dice(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint32_t below(uint32_t limit) { return byte() % limit; }
  bool one_in(uint32_t n) { return below(n) == 0; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(static_cast<uint32_t>(from.size()))];
  }

 private:
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  std::span<const uint8_t> bytes_;
};

inline const std::vector<std::string_view> kPrefixes = {
    "0.0.0.0/0",   "10.0.0.0/8",      "10.0.0.0/24", "10.0.0.0/25", "10.0.0.1",  "10.0.0.200",
    "10.0.1.0/24", "10.0.1.7/32",     "::/0",        "fd00::/16",   "fd00::/64", "fd00::/72",
    "fd00::1/128", "fd00:0:0:1::/64", "fd00::5/127", "192.0.2.0/26"};
inline const std::vector<std::string_view> kAddresses = {"10.0.0.1", "10.0.0.200",    "10.0.1.7",
                                                         "10.9.0.1", "192.0.2.1",     "fd00::1",
                                                         "fd00::5",  "fd00:0:0:1::1", "2001:db8::1"};
inline constexpr uint32_t kEndpoints = 4;
inline constexpr uint32_t kClasses = 3;
inline constexpr uint32_t kSelectors = 5;

// Makes changes that are mostly right: they refer to what exists, seven times out of eight.
class ChangeMaker {
 public:
  ChangeMaker(Dice& dice, const Naive& now) : dice_(dice), now_(now) {}

  pb::Policy make() {
    if (dice_.one_in(40)) change_.set_replace(true);
    for (uint32_t n = 1 + dice_.below(4); n > 0; --n) {
      switch (dice_.below(12)) {
        case 0:
          set_class(1 + dice_.below(kClasses));
          break;
        case 1:
          add_subject(change_, dice_.below(kEndpoints), class_id());
          break;
        case 2:
        case 3:
          set_selector(1 + dice_.below(kSelectors));
          break;
        case 4:
          remove_class();
          break;
        case 5:
          remove_selector();
          break;
        case 6:
          change_.add_remove_subjects(known(now_.subjects, dice_.below(kEndpoints)));
          break;
        case 7:
        case 8:
          if (!now_.rules.empty()) *change_.add_remove_rules() = dice_.pick(now_.rules);
          break;
        default:
          *change_.add_add_rules() = rule();
          break;
      }
    }
    return change_;
  }

  // Something of everything, to begin with.
  pb::Policy first() {
    for (uint32_t id = 1; id <= kClasses; ++id) set_class(id);
    for (uint32_t id = 0; id < kEndpoints; ++id) add_subject(change_, id, 1 + dice_.below(kClasses));
    for (uint32_t id = 1; id <= kSelectors; ++id) set_selector(id);
    return change_;
  }

 private:
  uint32_t class_id() { return known(now_.classes, 1 + dice_.below(kClasses)); }
  uint32_t selector_id() { return known(now_.selectors, dice_.below(kSelectors + 1)); }
  // `id` or, mostly, the next that exists.
  template <typename Map>
  uint32_t known(const Map& map, uint32_t id) {
    if (id == 0 || map.empty() || dice_.one_in(8)) return id;
    const auto next = map.lower_bound(id);
    return next == map.end() ? map.begin()->first : next->first;
  }
  void set_class(uint32_t id) {
    auto* entry = change_.add_set_classes();
    entry->set_id(id);
    entry->set_ingress_isolated(dice_.one_in(2));
    entry->set_egress_isolated(dice_.one_in(2));
    entry->set_ingress_default_rule(90 + dice_.below(2));
    entry->set_egress_default_rule(92);
  }
  void set_selector(uint32_t id) {
    auto* selector = change_.add_set_selectors();
    selector->set_id(id);
    for (uint32_t n = dice_.below(3); n > 0; --n) selector->add_endpoints(dice_.below(kEndpoints));
    for (uint32_t n = dice_.below(4); n > 0; --n) {
      auto* one = selector->add_blocks();
      *one->mutable_cidr() = prefix(dice_.pick(kPrefixes));
      for (uint32_t m = dice_.below(4); m > 1; --m) *one->add_except() = prefix(dice_.pick(kPrefixes));
    }
  }
  // With all that hangs on it, mostly.
  void remove_class() {
    const uint32_t id = class_id();
    change_.add_remove_classes(id);
    if (dice_.one_in(5)) return;
    for (const auto& one : now_.rules) {
      if (one.class_() == id) *change_.add_remove_rules() = one;
    }
    const bool move = dice_.one_in(2);
    for (const auto& [endpoint, other] : now_.subjects) {
      if (other != id) continue;
      if (move) {
        add_subject(change_, endpoint, class_id());
      } else {
        change_.add_remove_subjects(endpoint);
      }
    }
    if (dice_.one_in(3)) set_class(1 + dice_.below(kClasses));
  }
  void remove_selector() {
    const uint32_t id = std::max(1u, selector_id());
    change_.add_remove_selectors(id);
    if (dice_.one_in(5)) return;
    for (const auto& one : now_.rules) {
      if (one.selector() == id) *change_.add_remove_rules() = one;
    }
  }
  // A new one, or one like another but in order, so that they lie under the same keys.
  pb::Rule rule() {
    if (now_.rules.empty() || dice_.one_in(2)) return new_rule();
    pb::Rule like = dice_.pick(now_.rules);
    like.set_id(1 + dice_.below(6));
    like.set_rank(dice_.below(3));
    return like;
  }
  pb::Rule new_rule() {
    const auto tier = static_cast<pb::Rule::Tier>(dice_.below(3));
    auto action = static_cast<pb::Rule::Action>(dice_.below(3));
    if (tier == pb::Rule::NETWORK || (tier == pb::Rule::BASELINE && action == pb::Rule::PASS))
      action = pb::Rule::ALLOW;
    RuleRow row{.id = 1 + dice_.below(6), .tier = tier, .action = action, .selector = selector_id()};
    row.protocol = dice_.pick(std::vector<uint32_t>{0, 6, 6, 17});
    if (!dice_.one_in(3)) row.first_port = dice_.below(10);
    if (row.first_port != 0) row.last_port = dice_.one_in(8) ? 65535 : row.first_port + dice_.below(4);
    row.rank = dice_.below(3);
    row.direction = static_cast<pb::Rule::Direction>(dice_.below(2));
    row.class_id = class_id();
    return row.message();
  }

  Dice& dice_;
  const Naive& now_;
  pb::Policy change_;
};

struct Question {
  Direction direction;
  EndpointId subject;
  Peer peer;
  uint8_t protocol;
  uint16_t port;
};

inline std::vector<Question> all_questions() {
  std::vector<Question> all;
  for (const auto direction : {Direction::kIngress, Direction::kEgress}) {
    for (uint32_t subject = 0; subject < kEndpoints; ++subject) {
      for (size_t a = 0; a < kAddresses.size(); ++a) {
        // The first addresses are the endpoints' own; others lie behind nobody.
        const EndpointId endpoint = a < kEndpoints ? EndpointId{static_cast<uint32_t>(a)} : kNoEndpoint;
        for (const uint8_t protocol : {uint8_t{1}, uint8_t{6}, uint8_t{17}}) {
          for (const uint16_t port : {0, 1, 3, 6, 9, 65535}) {
            all.push_back({direction, EndpointId{subject}, {endpoint, ip(kAddresses[a])}, protocol, port});
          }
        }
      }
    }
  }
  return all;
}

inline bool same(const engine::Judgement& a, const engine::Judgement& b) {
  return a.judged == b.judged && a.allowed == b.allowed && a.rule == b.rule;
}

// "" when the property holds, else what broke it.
class Differential {
 public:
  std::string run(std::span<const uint8_t> bytes) {
    Dice dice(bytes);
    step(ChangeMaker(dice, naive_).first());
    while (broken_.empty() && !dice.empty()) step(ChangeMaker(dice, naive_).make());
    if (broken_.empty()) compare_whole();
    return broken_;
  }
  [[nodiscard]] uint32_t applied() const { return applied_; }
  [[nodiscard]] uint32_t refused() const { return refused_; }
  [[nodiscard]] uint64_t differed() const { return differed_; }
  [[nodiscard]] uint64_t spared() const { return spared_; }

 private:
  void step(const pb::Policy& change) {
    const Epoch before = epoch_;
    epoch_ = Epoch{epoch_.value() + 1};
    const bool done = table_.apply(change, epoch_).ok();
    ++(done ? applied_ : refused_);
    if (done) naive_.apply(change);
    for (size_t i = 0; i < questions_.size() && broken_.empty(); ++i) ask(i, before, done);
    if (!broken_.empty()) broken_ += change.DebugString();
  }
  void ask(size_t i, Epoch before, bool done) {
    const auto& [direction, subject, peer, protocol, port] = questions_[i];
    const engine::Judgement answer = table_.judge(direction, subject, peer, protocol, port);
    if (!same(answer, naive_.judge(direction, subject, peer, protocol, port)))
      broken_ = "differs from naive: ";
    const bool changed = table_.changed_since(direction, subject, peer, before);
    differed_ += same(answer, answers_[i]) ? 0 : 1;
    if (!same(answer, answers_[i]) && !changed) broken_ = "changed without saying so: ";
    if (!done && changed) broken_ = "a refused change left a trace: ";
    if (done && !changed) ++spared_;
    if (table_.changed_since(direction, subject, peer, epoch_)) broken_ = "changed after its own epoch: ";
    answers_[i] = answer;
  }
  void compare_whole() {
    PolicyTable whole;
    const absl::Status status = whole.apply(naive_.whole(), Epoch{1});
    if (!status.ok()) broken_ = "whole state refused: " + std::string(status.message());
    for (size_t i = 0; i < questions_.size() && broken_.empty(); ++i) {
      const auto& [direction, subject, peer, protocol, port] = questions_[i];
      const bool equal = same(whole.judge(direction, subject, peer, protocol, port), answers_[i]);
      if (!equal) broken_ = "differs from the same state given at once";
    }
    for (size_t kind = 0; kind < whole.capacity().size() && broken_.empty(); ++kind) {
      const Capacity a = whole.capacity()[kind];
      const Capacity b = table_.capacity()[kind];
      if (a.used != b.used)
        broken_ = a.name + ": " + std::to_string(b.used) + " left of " + std::to_string(a.used);
    }
  }

  PolicyTable table_;
  Naive naive_;
  Epoch epoch_{0};
  std::vector<Question> questions_ = all_questions();
  std::vector<engine::Judgement> answers_ =
      std::vector<engine::Judgement>(questions_.size(), {true, true, kNoRule});
  std::string broken_;
  uint32_t applied_ = 0;
  uint32_t refused_ = 0;
  uint64_t differed_ = 0;  // judgements that a change made another
  uint64_t spared_ = 0;    // judgements that a change left alone
};

}  // namespace outrigger::policy::testing
