// Oracle: whatever small set of objects the bytes describe, compile() with the engine's PolicyTable answers
// as the naive evaluator does, for every pair and port; and a table brought up to date by difference()
// answers like a fresh one.  The bytes describe two states of the same world, so that the second is a change
// of the first.
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/compiler.h"
#include "compiler/naive.h"
#include "compiler/test_objects.h"
#include "services/policy/table.h"

namespace outrigger::compiler {
namespace {

using testing::World;

// Reads choices off the input; zero when it has ended.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  uint32_t upto(uint32_t limit) { return at_ == end_ ? 0 : *at_++ % limit; }
  bool coin() { return upto(2) == 1; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

constexpr const char* kSpaces[] = {"a", "b", "c"};
constexpr const char* kKeys[] = {"app", "tier"};
constexpr const char* kValues[] = {"x", "y", ""};
constexpr const char* kPortNames[] = {"http", "dns"};
constexpr testing::Protocol kProtocols[] = {testing::Protocol::kTcp, testing::Protocol::kUdp,
                                            testing::Protocol::kSctp};
constexpr const char* kBlocks[] = {"0.0.0.0/0", "10.0.0.0/30", "10.0.0.2/31", "10.0.0.4/32", "10.0.0.0/29",
                                   "::/0",      "fd00::/126",  "fd00::4/128", "::/1",        "192.0.2.0/24"};

class Maker {
 public:
  explicit Maker(Choices& choices) : choices_(choices) {}

  World world() {
    World made;
    made.node("dpu");
    made.node("plain", "", manifest::Node::Kind::kPlain);
    made.network("blue", 1);
    for (const char* space : kSpaces) {
      if (choices_.coin()) made.space(space, labels());
    }
    const uint32_t people = 2 + choices_.upto(4);
    for (uint32_t i = 0; i < people; ++i) person(made, i);
    const uint32_t policies = choices_.upto(4);
    for (uint32_t i = 0; i < policies; ++i) network_policy(made, i);
    const uint32_t admins = choices_.upto(4);
    for (uint32_t i = 0; i < admins; ++i) admin_policy(made, i);
    return made;
  }

 private:
  template <typename T, size_t N>
  const T& any(const T (&list)[N]) {
    return list[choices_.upto(N)];
  }

  manifest::Labels labels() {
    manifest::Labels made;
    for (const char* key : kKeys) {
      if (choices_.coin()) made[key] = any(kValues);
    }
    return made;
  }

  void person(World& made, uint32_t number) {
    std::vector<std::string> addresses;
    const uint32_t families = choices_.upto(4);
    if (families != 1) addresses.push_back(absl::StrCat("10.0.0.", number));
    if (families >= 1) addresses.push_back(absl::StrCat("fd00::", number));
    std::vector<manifest::NamedPort> ports;
    for (uint32_t i = choices_.upto(3); i > 0; --i) {
      ports.push_back({any(kPortNames), any(kProtocols), static_cast<uint16_t>(80 + choices_.upto(3))});
    }
    const std::string name = absl::StrCat(any(kSpaces), "/e", number);
    made.endpoint(name, choices_.upto(8) == 7 ? "plain" : "dpu", labels(), addresses, ports);
  }

  manifest::LabelSelector selector() {
    manifest::LabelSelector made;
    for (uint32_t i = choices_.upto(3); i > 0; --i) {
      manifest::Requirement requirement{
          any(kKeys), static_cast<manifest::Requirement::Operator>(choices_.upto(4)), {}};
      if (requirement.op <= manifest::Requirement::Operator::kNotIn) {
        for (uint32_t values = 1 + choices_.upto(2); values > 0; --values)
          requirement.values.push_back(any(kValues));
      }
      made.requirements.push_back(requirement);
    }
    return made;
  }

  manifest::PeerMatch peer(bool admin) {
    const uint32_t form = choices_.upto(4);
    if (form == 0) return testing::both(selector(), selector());
    if (form == 1) return testing::spaces(selector());
    if (form == 2 && !admin) return testing::pods(selector());
    manifest::PeerMatch block = testing::block(any(kBlocks));
    for (uint32_t i = admin ? 0 : choices_.upto(3); i > 0; --i)
      block.except.push_back(*IpPrefix::parse(any(kBlocks)));
    return block;
  }

  manifest::PortMatch port(bool admin) {
    manifest::PortMatch made{any(kProtocols), 0, 0, ""};
    const uint32_t form = choices_.upto(4);
    if (form == 0) made.first = made.last = static_cast<uint16_t>(80 + choices_.upto(3));
    if (form == 1) made.first = 79, made.last = static_cast<uint16_t>(80 + choices_.upto(3));
    if (form == 2) made.name = any(kPortNames);
    if (form == 2 && admin) made.protocol.reset();
    return made;
  }

  std::vector<manifest::PolicyRule> rules(bool admin, uint32_t actions) {
    std::vector<manifest::PolicyRule> made(choices_.upto(3));
    for (manifest::PolicyRule& rule : made) {
      rule.action = static_cast<manifest::Action>(choices_.upto(actions));
      for (uint32_t i = choices_.upto(3) + (admin ? 1 : 0); i > 0; --i) rule.peers.push_back(peer(admin));
      for (uint32_t i = choices_.upto(3); i > 0; --i) rule.ports.push_back(port(admin));
    }
    return made;
  }

  void network_policy(World& made, uint32_t number) {
    manifest::NetworkPolicy& policy = made.policy(absl::StrCat(any(kSpaces), "/p", number), selector());
    policy.ingress_isolated = choices_.coin();
    policy.egress_isolated = choices_.coin();
    policy.ingress = rules(false, 1);
    policy.egress = rules(false, 1);
  }

  void admin_policy(World& made, uint32_t number) {
    const bool baseline = number == 3;
    manifest::AdminPolicy& policy =
        made.admin(absl::StrCat("p", number), choices_.upto(3), rules(true, baseline ? 2 : 3));
    policy.egress = rules(true, baseline ? 2 : 3);
    policy.baseline = baseline;
    policy.subject_namespaces = selector();
    if (choices_.coin()) policy.subject_pods = selector();
  }

  Choices& choices_;
};

struct Flow {
  uint8_t protocol;
  uint16_t port;
};
// Each pair tries three of these, in turn: the naive evaluator is slow, and inputs are many.
constexpr Flow kFlows[] = {{6, 79}, {6, 80}, {6, 81}, {6, 82}, {17, 80}, {17, 82}, {132, 81}, {1, 0}};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}
void require(bool good, const std::string& what) {
  if (!good) fail(what);
}

// One side of a flow by the table, held against the same side by the naive evaluator.
struct Trial {
  const Compiled& compiled;
  const policy::PolicyTable& table;
  std::map<std::string, uint32_t> ids;

  void side(const naive::Side& expected, policy::Direction direction, const std::string& subject,
            const std::string& peer, const IpAddress& address, Flow flow) const {
    if (!expected.judged) return;
    const EndpointId other = ids.count(peer) != 0 ? EndpointId{ids.at(peer)} : kNoEndpoint;
    const engine::Judgement got =
        table.judge(direction, EndpointId{ids.at(subject)}, {other, address}, flow.protocol, flow.port);
    const auto name = compiled.rule_names.find(got.rule.value());
    const std::string rule = name == compiled.rule_names.end() ? "" : name->second;
    bool named = expected.rules.empty() && rule.empty();
    for (const std::string& one : expected.rules) named = named || one == rule;
    require(got.allowed == expected.allowed && named,
            absl::StrCat(subject, direction == policy::Direction::kIngress ? " from " : " to ", peer, " ",
                         address.str(), " ", unsigned{flow.protocol}, "/", flow.port, ": table says ",
                         got.allowed, " by \"", rule, "\", the naive evaluator ", expected.allowed, " by \"",
                         expected.rules.empty() ? "" : expected.rules[0], "\""));
  }
};

struct Someone {
  std::string name;
  IpAddress address;
};

// Everyone by each of their addresses, and two strangers.
std::vector<Someone> someones(const World& world) {
  std::vector<Someone> found = {{"", *IpAddress::parse("192.0.2.1")}, {"", *IpAddress::parse("2001:db8::1")}};
  for (const manifest::Object* object : world.objects()) {
    const auto* endpoint = std::get_if<manifest::Endpoint>(object);
    if (endpoint == nullptr) continue;
    for (const IpAddress& address : endpoint->addresses) {
      found.push_back({absl::StrCat(endpoint->meta.ns, "/", endpoint->meta.name), address});
    }
  }
  return found;
}

void compare(const World& world, const Compiled& compiled, const policy::PolicyTable& table) {
  Trial trial{compiled, table, {}};
  for (const auto& [id, name] : compiled.endpoint_names) trial.ids[name] = id;
  const std::vector<Someone> all = someones(world);
  size_t turn = 0;
  for (const Someone& from : all) {
    for (const Someone& to : all) {
      if (from.address.is_v4() != to.address.is_v4() || from.address == to.address) continue;
      for (int tries = 0; tries < 3; ++tries) {
        const Flow flow = kFlows[turn++ % std::size(kFlows)];
        const auto answer = naive::judge(world.objects(), {from.name, from.address}, {to.name, to.address},
                                         flow.protocol, flow.port);
        require(answer.ok(), answer.status().ToString());
        trial.side(answer->egress, policy::Direction::kEgress, from.name, to.name, to.address, flow);
        trial.side(answer->ingress, policy::Direction::kIngress, to.name, from.name, from.address, flow);
      }
    }
  }
}

Compiled must_compile(const World& world, Ids& ids) {
  absl::StatusOr<Compiled> compiled = compile(world.objects(), "", {}, ids);
  require(compiled.ok(), compiled.status().ToString());
  return *std::move(compiled);
}

void run(Choices choices) {
  Maker maker(choices);
  const World before = maker.world(), after = maker.world();
  Ids ids;
  policy::PolicyTable table;
  const Compiled first = must_compile(before, ids);
  absl::Status status = table.apply(first.policy, Epoch{1});
  require(status.ok(), status.ToString());
  compare(before, first, table);
  const Compiled second = must_compile(after, ids);
  status = table.apply(difference(first.policy, second.policy), Epoch{2});
  require(status.ok(), status.ToString());
  compare(after, second, table);
  const auto same = difference(second.policy, must_compile(after, ids).policy);
  require(same.ByteSizeLong() == 0, absl::StrCat("compiled twice: ", same.ShortDebugString()));
}

}  // namespace
}  // namespace outrigger::compiler

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= 400) outrigger::compiler::run({data, size});
  return 0;
}
