// What a judgement costs as rules grow, and what a change costs in a big table.
// The world: classes of 100 rules each (TCP, two port widths), selectors of one endpoint label and one block.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "services/policy/make_policy.h"
#include "services/policy/table.h"

namespace outrigger::policy {
namespace {

using testing::RuleRow;
namespace pb = ::outrigger::engine::v1;
constexpr uint32_t kRulesPerClass = 100;
constexpr uint32_t kTcp = 6;

struct World {
  uint32_t rules;
  [[nodiscard]] uint32_t classes() const { return (rules + kRulesPerClass - 1) / kRulesPerClass; }
  [[nodiscard]] uint32_t selectors() const { return std::min(rules, 20'000u); }
};

// Endpoint e and the block 10.x.y.z/32 of the same number belong to selector e + 1.
IpAddress address_of(uint32_t endpoint) { return IpAddress::v4(0x0a000000 | endpoint); }

pb::Rule rule_of(World world, uint32_t n) {
  RuleRow row{n + 1, pb::Rule::NETWORK, pb::Rule::ALLOW};
  row.class_id = 1 + n / kRulesPerClass;
  row.selector = 1 + (n * 7) % world.selectors();
  row.protocol = kTcp;
  row.first_port = n % 2 == 0 ? 80 : 8080;
  row.last_port = n % 2 == 0 ? 80 : 8087;
  return row.message();
}

pb::Policy whole(World world) {
  pb::Policy policy;
  policy.set_replace(true);
  for (uint32_t id = 1; id <= world.classes(); ++id) {
    testing::add_class(policy, id, true, 1);
    testing::add_subject(policy, id, id);
  }
  for (uint32_t id = 1; id <= world.selectors(); ++id) {
    auto* selector = policy.add_set_selectors();
    selector->set_id(id);
    selector->add_endpoints(id - 1);
    auto* cidr = selector->add_blocks()->mutable_cidr();
    const uint8_t length = id % 2 == 0 ? 128 : 124;
    cidr->set_address(IpPrefix::mask(address_of(id - 1), length).bytes());
    cidr->set_length(length);
  }
  for (uint32_t n = 0; n < world.rules; ++n) *policy.add_add_rules() = rule_of(world, n);
  return policy;
}

PolicyTable& table_of(World world) {
  static std::map<uint32_t, std::unique_ptr<PolicyTable>> tables;
  auto& table = tables[world.rules];
  if (table == nullptr) {
    table = std::make_unique<PolicyTable>();
    if (!table->apply(whole(world), Epoch{1}).ok()) std::abort();
  }
  return *table;
}

struct Question {
  EndpointId subject;
  Peer peer;
  uint16_t port;
};

// Questions that a rule answers, about `count` rules taken at random.
std::vector<Question> questions(World world, uint32_t count) {
  std::mt19937 random(1);
  std::vector<Question> all(count);
  for (Question& question : all) {
    const uint32_t n = random() % world.rules;
    const uint32_t endpoint = (n * 7) % world.selectors();
    question = {EndpointId{1 + n / kRulesPerClass},
                {EndpointId{endpoint}, address_of(endpoint)},
                static_cast<uint16_t>(n % 2 == 0 ? 80 : 8083)};
  }
  return all;
}

void judge(benchmark::State& state, uint32_t count) {
  const World world{static_cast<uint32_t>(state.range(0))};
  const PolicyTable& table = table_of(world);
  const std::vector<Question> asked = questions(world, count);
  size_t at = 0;
  uint64_t allowed = 0;
  for (auto _ : state) {
    const Question& question = asked[at];
    if (++at == asked.size()) at = 0;
    const auto answer =
        table.judge(Direction::kIngress, question.subject, question.peer, kTcp, question.port);
    allowed += answer.allowed ? 1 : 0;
  }
  if (allowed != static_cast<uint64_t>(state.iterations())) state.SkipWithError("a question was denied");
  uint64_t bytes = 0;
  for (const Capacity& one : table.capacity()) bytes += one.bytes;
  state.counters["MB"] = static_cast<double>(bytes) / 1e6;
}
void judge_warm(benchmark::State& state) { judge(state, 64); }
void judge_random(benchmark::State& state) { judge(state, 1u << 20); }
BENCHMARK(judge_warm)->Arg(10)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(judge_random)->Arg(10)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

// Two changes: 10,000 rules out, and in again.
void change_10k(benchmark::State& state) {
  const World world{static_cast<uint32_t>(state.range(0))};
  PolicyTable& table = table_of(world);
  pb::Policy out;
  pb::Policy in;
  for (uint32_t i = 0; i < 10'000; ++i) {
    const pb::Rule rule = rule_of(world, static_cast<uint32_t>(uint64_t{i} * (world.rules / 10'000)));
    *out.add_remove_rules() = rule;
    *in.add_add_rules() = rule;
  }
  uint32_t epoch = 2;
  for (auto _ : state) {
    if (!table.apply(out, Epoch{epoch++}).ok() || !table.apply(in, Epoch{epoch++}).ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * 20'000);
}
BENCHMARK(change_10k)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void replace_whole(benchmark::State& state) {
  const pb::Policy policy = whole({static_cast<uint32_t>(state.range(0))});
  PolicyTable table;
  for (auto _ : state) {
    if (!table.apply(policy, Epoch{1}).ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(replace_whole)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace outrigger::policy

BENCHMARK_MAIN();
