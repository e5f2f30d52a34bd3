// The session table alone: lookups in bursts of 64 as the worker makes them, and new sessions in a full
// table.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "engine/session_memory.h"
#include "engine/session_table.h"
#include "engine/tcp_track.h"

namespace outrigger::engine {
namespace {

constexpr unsigned kBurst = 64;

packet::FlowKey key(uint32_t number) {
  bool reverse;
  return packet::FlowKey::make(Vni(100 + number % 7), packet::kUdp, IpAddress::v4(0x0a000000 + number / 50),
                               IpAddress::v4(0x0b000000 + number % 1000), static_cast<uint16_t>(number), 443,
                               &reverse);
}

SessionIndex add(SessionTable& table, const packet::FlowKey& k, uint32_t hash, SessionState state, Tick now) {
  Drop why;
  const SessionIndex index = table.insert(k, hash, PortId(static_cast<uint16_t>(hash % 16)), now, &why);
  if (index == kNoSession) return index;
  table.at(index).state = state;
  table.settle(index, now);
  return index;
}

struct Lookup {
  packet::FlowKey key;
  uint32_t hash;
};

// Keys and hashes arrive in order, as from a parsed burst; the flows they name do not.
void lookup_hit(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const SessionMemory memory(SessionTable::bytes_needed(flows), true);
  SessionTable table(memory.span(), flows);
  table.set_limits({});
  for (uint32_t i = 0; i < flows; ++i) add(table, key(i), packet::hash(key(i)), SessionState::kActive, 1);
  std::mt19937 random(1);
  std::vector<Lookup> wanted(std::min(flows, 1u << 18) / kBurst * kBurst);
  for (Lookup& lookup : wanted) {
    lookup.key = key(static_cast<uint32_t>(random() % flows));
    lookup.hash = packet::hash(lookup.key);
  }
  size_t at = 0;
  uint64_t found = 0;
  SessionIndex candidates[kBurst];
  for (auto _ : state) {
    const Lookup* burst = &wanted[at];
    for (unsigned i = 0; i < kBurst; ++i) table.prefetch_bucket(burst[i].hash);
    for (unsigned i = 0; i < kBurst; ++i) candidates[i] = table.candidate(burst[i].hash);
    for (unsigned i = 0; i < kBurst; ++i) {
      const SessionIndex index = table.confirm(candidates[i], burst[i].key, burst[i].hash);
      if (index == kNoSession) continue;
      ++found;
      table.at(index).last_seen = static_cast<Tick>(at);  // as the worker does: the hot line is written
      ++table.at(index).packets[0];
    }
    at = at + kBurst < wanted.size() ? at + kBurst : 0;
  }
  const auto looked = static_cast<int64_t>(state.iterations()) * kBurst;
  if (static_cast<int64_t>(found) < looked * 999 / 1000) state.SkipWithError("flows are missing");
  state.SetItemsProcessed(looked);
}
BENCHMARK(lookup_hit)->Arg(1000)->Arg(1'000'000)->Arg(10'000'000);

// A burst of new flows, as a worker meets them: a lookup that misses, then an insert.
void add_burst(SessionTable& table, uint32_t number, Tick now) {
  Lookup burst[kBurst];
  SessionIndex candidates[kBurst];
  for (unsigned i = 0; i < kBurst; ++i) {
    burst[i].key = key(number + i);
    burst[i].hash = packet::hash(burst[i].key);
    table.prefetch_bucket(burst[i].hash);
  }
  for (unsigned i = 0; i < kBurst; ++i) candidates[i] = table.candidate(burst[i].hash);
  for (unsigned i = 0; i < kBurst; ++i) {
    if (table.confirm(candidates[i], burst[i].key, burst[i].hash) != kNoSession) continue;
    add(table, burst[i].key, burst[i].hash, SessionState::kNew, now);
  }
}

// One-packet flows without end: each insert evicts the oldest.
void churn_full(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const SessionMemory memory(SessionTable::bytes_needed(flows), true);
  SessionTable table(memory.span(), flows);
  table.set_limits({});
  uint32_t number = 0;
  for (; number < flows; number += kBurst) add_burst(table, number, 1);
  for (auto _ : state) {
    add_burst(table, number, 2);
    number += kBurst;
    table.age(2, 16);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
}
BENCHMARK(churn_full)->Arg(1000)->Arg(1'000'000)->Arg(4'000'000);

// The same, but old ones go by age: 10,000 new ones a tick, which live for 30 s.
void churn_aged(benchmark::State& state) {
  constexpr uint32_t kFlows = 6'000'000, kPerTick = 10'000;
  const SessionMemory memory(SessionTable::bytes_needed(kFlows), true);
  SessionTable table(memory.span(), kFlows);
  table.set_limits({});
  uint32_t number = 0;
  const auto turn = [&] {
    add_burst(table, number, number / kPerTick);
    number += kBurst;
    table.age(number / kPerTick, 4 * kBurst);
  };
  while (number < kFlows) turn();
  for (auto _ : state) turn();
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
}
BENCHMARK(churn_aged);

void age_nothing_due(benchmark::State& state) {
  const SessionMemory memory(SessionTable::bytes_needed(1000));
  SessionTable table(memory.span(), 1000);
  table.set_limits({});
  for (uint32_t i = 0; i < 1000; ++i) add(table, key(i), packet::hash(key(i)), SessionState::kActive, 1);
  table.age(2, 1000);
  for (auto _ : state) {
    table.age(2, 16);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(age_nothing_due);

void tcp_established_ack(benchmark::State& state) {
  const bool strict = state.range(0) != 0;
  Session session;
  session.state = SessionState::kEstablished;
  session.tcp[0] =
      session.tcp[1] = {.end = 5, .limit = 5000, .window = 1000, .scale = 7, .flags = kEndScaled};
  uint8_t tcp[20] = {0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 5, 0x50, 0x10, 0, 100};
  packet::PacketInfo info;
  info.tcp_flags = packet::kAck;
  unsigned from = 0;
  uint64_t dropped = 0;
  for (auto _ : state) {
    bool changed = false, reopen = false;
    dropped += tcp_follow(session, from, info, tcp, 20, strict, &changed, &reopen) != Drop::kNone;
    from ^= 1;
    benchmark::DoNotOptimize(tcp);
  }
  if (dropped != 0) state.SkipWithError("a good segment was dropped");
}
BENCHMARK(tcp_established_ack)->Arg(0)->Arg(1);

}  // namespace
}  // namespace outrigger::engine

BENCHMARK_MAIN();
