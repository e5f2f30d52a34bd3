// A session table in memory of its own, and keys by number, for the tests.
#pragma once

#include <gtest/gtest.h>

#include "engine/session_memory.h"
#include "engine/session_table.h"
#include "packet/packet_info.h"

namespace outrigger::engine::testing {

inline constexpr PortId kPort{3};

inline packet::FlowKey key(uint32_t number, uint8_t protocol = packet::kUdp) {
  bool reverse;
  return packet::FlowKey::make(Vni(1), protocol, IpAddress::v4(0x0a000000 | number),
                               IpAddress::v4(0x0b000000), 1000, 53, &reverse);
}

struct SessionFixture {
  explicit SessionFixture(uint32_t capacity)
      : memory(SessionTable::bytes_needed(capacity)), table(memory.span(), capacity) {
    table.set_limits({});
  }

  SessionIndex add(uint32_t number, SessionState state, PortId charged = kPort) {
    const packet::FlowKey k = key(number);
    const SessionIndex index = table.insert(k, packet::hash(k), charged, now, &why);
    if (index == kNoSession) return index;
    table.at(index).state = state;
    table.settle(index, now);
    return index;
  }
  SessionIndex find(uint32_t number) const {
    const packet::FlowKey k = key(number);
    const SessionIndex found = table.find(k, packet::hash(k));
    table.prefetch_bucket(packet::hash(k));
    EXPECT_EQ(table.confirm(table.candidate(packet::hash(k)), k, packet::hash(k)), found);
    return found;
  }
  bool has(uint32_t number) const { return find(number) != kNoSession; }
  void change(uint32_t number, SessionState state) {
    const SessionIndex index = find(number);
    table.at(index).state = state;
    table.settle(index, now);
  }
  void touch(uint32_t number) { table.at(find(number)).last_seen = now; }
  // Lets time pass as a worker would, four turns a tick.
  void pass(Tick ticks) {
    for (const Tick end = now + ticks; now < end;) {
      ++now;
      for (int turn = 0; turn < 4; ++turn) table.age(now, 4);
    }
  }

  SessionMemory memory;
  SessionTable table;
  Tick now = 1000;
  Drop why = Drop::kNone;
};

}  // namespace outrigger::engine::testing
