// Where an engine's ports come from: devices of its own (solo), or those the ports process holds for it.
// A port is a DPDK device or a tap: a tap needs no driver state, so a process that dies in the middle of
// reading one leaves nothing behind that the next could stumble over.
// Thread-safety: the engine's control thread alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/id.h"
#include "engine/published.h"

namespace outrigger::engine {

struct PortRequest {
  PortId id;
  std::string device;  // "tap,iface=ep3", "probe", "net_flowgen0,..", "0000:03:00.0,representor=[0]"
  uint16_t mtu = 1500;
};

struct AttachedPort {
  PortId id;
  std::string device;
  uint16_t mtu = 1500;
  uint16_t queues = 1;          // receive queues; transmit queues are one a worker
  uint16_t number = kNoDevice;  // DPDK's, or
  std::vector<int> taps;        // descriptors by queue of a tap, owned by the source, or
  bool ours = false;            // attached by us, so removed by us
  bool probe = false;           // neither: frames go round inside the engine, to and from its control thread
};

class PortSource {
 public:
  virtual ~PortSource() = default;
  // Attaches what is wanted and missing.  All or nothing.
  virtual absl::Status attach(const std::vector<PortRequest>& wanted) = 0;
  // Lets go of what is not wanted.  Only after no worker polls it.
  virtual void prune(const std::vector<PortRequest>& wanted) = 0;
  // Undoes an attach() that comes to nothing: these are wanted as before, and no others.
  virtual void restore(const std::vector<PortRequest>& wanted) = 0;
  [[nodiscard]] virtual const std::map<uint16_t, AttachedPort>& all() const = 0;  // by PortId
};

}  // namespace outrigger::engine
