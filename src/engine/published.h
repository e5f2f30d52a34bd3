// What workers read, behind one pointer: the tables, and which device queues each of them polls.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/session_table.h"
#include "engine/tables.h"

namespace outrigger::engine {

inline constexpr uint16_t kNoDevice = 0xffff;

struct PollSource {
  PortId port;
  uint16_t device = kNoDevice;  // DPDK port number
  uint16_t queue = 0;
};

// What a worker's sessions may take; quotas by port, this worker's share.
struct Limits {
  SessionLimits sessions;
  std::vector<std::pair<PortId, uint32_t>> quotas;
};

struct Published {
  uint64_t number = 0;  // distinguishes one publication from the next, which may reuse its address
  const Tables* tables = nullptr;
  std::shared_ptr<const Limits> limits;        // for every worker, or null
  uint64_t limits_number = 0;                  // of the publication that brought them
  std::vector<std::vector<PollSource>> polls;  // by worker
  std::vector<uint16_t> devices;               // by PortId: where to transmit, kNoDevice when detached
};

}  // namespace outrigger::engine
