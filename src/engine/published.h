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

enum class DeviceKind : uint8_t { kNone, kEthdev, kTap, kProbe };

struct PollSource {
  PortId port;
  DeviceKind kind = DeviceKind::kEthdev;
  uint16_t device = kNoDevice;  // DPDK port number
  uint16_t queue = 0;
  int tap = -1;  // descriptor of this queue
};

// Where one worker transmits what is for a port.
struct Outlet {
  DeviceKind kind = DeviceKind::kNone;
  uint16_t device = kNoDevice;
  int tap = -1;
};

// The taps of one worker, behind one epoll descriptor: forty silent ones cost one system call a turn, and a
// worker at rest is woken by the first packet.
struct TapWatch {
  TapWatch() = default;
  ~TapWatch();
  TapWatch(TapWatch&& other) noexcept;
  TapWatch& operator=(TapWatch&&) = delete;

  int epoll = -1;                   // -1: no taps
  std::vector<PollSource> sources;  // by epoll's data
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
  std::vector<std::vector<PollSource>> polls;  // by worker; taps are there or in the watch
  std::vector<TapWatch> watches;               // by worker
  std::vector<std::vector<Outlet>> outlets;    // by worker and PortId
};

}  // namespace outrigger::engine
