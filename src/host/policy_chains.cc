#include "host/policy_chains.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace outrigger::host {
namespace {

namespace engine = ::outrigger::engine::v1;
using engine::Rule;

// Deny before pass before allow when ranks are equal.
int severity(Rule::Action action) { return action == Rule::DENY ? 0 : action == Rule::PASS ? 1 : 2; }

bool judged_before(const Rule* a, const Rule* b) {
  const auto key = [](const Rule* rule) {
    return std::tuple(rule->tier(), rule->rank(), severity(rule->action()), rule->id(), rule->selector(),
                      rule->protocol(), rule->first_port());
  };
  return key(a) < key(b);
}

std::optional<IpPrefix> prefix(const engine::Prefix& from) {
  const auto address = IpAddress::from_bytes(from.address());
  if (!address || from.length() > 128) return std::nullopt;
  const auto length = static_cast<uint8_t>(from.length());
  return IpPrefix{IpPrefix::mask(*address, length), length};
}

// "::/0" means IPv6 alone, though the common form has IPv4 inside it.
std::vector<Interval> meant(const IpPrefix& block) { return of_family({interval(block)}, block.is_v4()); }

class Writer {
 public:
  Writer(const World& world, const NetworkWorld& network) : world_(world), network_(network) {
    for (const Place& place : network.places) places_[place.id] = &place;
    for (const engine::Selector& selector : world.policy.set_selectors()) note_families(selector);
  }

  std::string text() {
    std::set<uint32_t> classes;
    for (const Place& place : network_.places) {
      const uint32_t found = place.local ? class_of(world_, place.id) : 0;
      if (found != 0) classes.insert(found);
    }
    for (const engine::Class& one : world_.policy.set_classes()) {
      if (classes.contains(one.id())) write(one);
    }
    for (const engine::Selector& selector : world_.policy.set_selectors()) {
      if (used_.contains(selector.id())) write(selector);
    }
    return absl::StrCat(sets_, "  chain denied {\n    meta mark set ", kDenied, "\n  }\n", chains_);
  }

 private:
  struct Families {
    bool v4 = false, v6 = false;
  };

  void note_families(const engine::Selector& selector) {
    Families& found = families_[selector.id()];
    const auto note = [&found](const IpAddress& one) { (one.is_v4() ? found.v4 : found.v6) = true; };
    for (const uint32_t id : selector.endpoints()) {
      const auto place = places_.find(id);
      if (place != places_.end())
        std::for_each(place->second->addresses.begin(), place->second->addresses.end(), note);
    }
    for (const engine::Block& block : selector.blocks()) {
      if (const auto cidr = prefix(block.cidr())) (cidr->is_v4() ? found.v4 : found.v6) = true;
    }
  }

  // A rule whose peers have no address of a family matches none of its packets, and would be asked all the
  // same, by each that opens a connection.  A selector that is not there is a fault for nft to find.
  [[nodiscard]] bool may_match(uint32_t selector, bool v4) const {
    const auto found = families_.find(selector);
    return found == families_.end() || (v4 ? found->second.v4 : found->second.v6);
  }

  void write(const engine::Selector& selector) {
    std::vector<Interval> all;
    for (const uint32_t id : selector.endpoints()) {
      const auto place = places_.find(id);
      if (place == places_.end()) continue;
      for (const IpAddress& address : place->second->addresses) all.push_back({address, address});
    }
    for (const engine::Block& block : selector.blocks()) {
      const auto cidr = prefix(block.cidr());
      if (!cidr) continue;
      std::vector<Interval> except;
      for (const engine::Prefix& one : block.except()) {
        if (const auto range = prefix(one)) except.push_back(interval(*range));
      }
      for (const Interval& part : minus(meant(*cidr), except)) all.push_back(part);
    }
    for (const bool v4 : {true, false}) {
      const std::vector<Interval> mine = of_family(merged(all), v4);
      absl::StrAppend(&sets_, "  set s", selector.id(), v4 ? "_4" : "_6", " {\n    type ",
                      v4 ? "ipv4_addr" : "ipv6_addr", "\n    flags interval\n");
      if (!mine.empty()) absl::StrAppend(&sets_, "    elements = { ", host::text(mine), " }\n");
      absl::StrAppend(&sets_, "  }\n");
    }
  }

  void write(const engine::Class& one) {
    for (const bool ingress : {false, true}) {
      std::vector<const Rule*> rules;
      for (const Rule& rule : world_.policy.add_rules()) {
        if (rule.class_() == one.id() && (rule.direction() == Rule::INGRESS) == ingress)
          rules.push_back(&rule);
      }
      std::sort(rules.begin(), rules.end(), judged_before);
      const bool isolated = ingress ? one.ingress_isolated() : one.egress_isolated();
      for (const Way way : {Way::kForward, Way::kReverse}) {
        write_tiers(chain_name(one.id(), ingress, way), rules, isolated, ingress, way);
      }
    }
  }

  // Chains are written before those that go to them.
  void write_tiers(const std::string& name, const std::vector<const Rule*>& rules, bool isolated,
                   bool ingress, Way way) {
    std::map<Rule::Tier, std::string> lines;
    for (const Rule* rule : rules) absl::StrAppend(&lines[rule->tier()], line(*rule, name, ingress, way));
    const std::string network =
        isolated ? absl::StrCat(lines[Rule::NETWORK], "    goto denied\n") : lines[Rule::BASELINE];
    absl::StrAppend(&chains_, "  chain ", name, "_net {\n", network, "  }\n");
    absl::StrAppend(&chains_, "  chain ", name, " {\n", lines[Rule::ADMIN], "    goto ", name, "_net\n  }\n");
  }

  std::string line(const Rule& rule, const std::string& chain, bool ingress, Way way) {
    const bool forward = way == Way::kForward;
    const std::string side = ingress == forward ? "saddr" : "daddr";  // where the peer's address is
    std::string what;
    if (rule.protocol() != 0) {
      absl::StrAppend(&what, "meta l4proto ", rule.protocol(), " ");
    } else if (rule.first_port() != 0) {
      absl::StrAppend(&what, "meta l4proto { 6, 17, 132 } ");
    }
    if (rule.first_port() != 0) {
      absl::StrAppend(&what, "th ", forward ? "dport " : "sport ", rule.first_port());
      if (rule.last_port() > rule.first_port()) absl::StrAppend(&what, "-", rule.last_port());
      absl::StrAppend(&what, " ");
    }
    const std::string verdict = rule.action() == Rule::ALLOW  ? "return"
                                : rule.action() == Rule::DENY ? "goto denied"
                                                              : absl::StrCat("goto ", chain, "_net");
    const std::string end = absl::StrCat(verdict, " comment \"rule ", rule.id(), "\"\n");
    if (rule.selector() == 0) return absl::StrCat("    ", what, end);
    used_.insert(rule.selector());
    std::string text;
    for (const bool v4 : {true, false}) {
      if (!may_match(rule.selector(), v4)) continue;
      absl::StrAppend(&text, v4 ? "    ip " : "    ip6 ", side, " @s", rule.selector(), v4 ? "_4 " : "_6 ",
                      what, end);
    }
    return text;
  }

  const World& world_;
  const NetworkWorld& network_;
  std::map<uint32_t, const Place*> places_;
  std::map<uint32_t, Families> families_;  // of selectors, by id
  std::set<uint32_t> used_;
  std::string sets_, chains_;
};

}  // namespace

std::string chain_name(uint32_t policy_class, bool ingress, Way way) {
  return absl::StrCat("c", policy_class, ingress ? "_in" : "_out", way == Way::kReverse ? "_back" : "");
}

uint32_t class_of(const World& world, uint32_t endpoint) {
  const auto found = world.classes.find(endpoint);
  return found == world.classes.end() ? 0 : found->second;
}

std::string policy_text(const World& world, const NetworkWorld& network) {
  return Writer(world, network).text();
}

}  // namespace outrigger::host
