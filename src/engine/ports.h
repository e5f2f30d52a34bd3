// Devices of this process's own behind PortIds: attached when an update names them, detached when none does
// any more.
// Thread-safety: the control thread's own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/id.h"
#include "engine/port_source.h"
#include "engine/published.h"

struct rte_mempool;

namespace outrigger::engine {

class LocalPorts final : public PortSource {
 public:
  LocalPorts(unsigned workers, rte_mempool* buffers) : workers_(workers), buffers_(buffers) {}
  ~LocalPorts() override;

  // Gives the devices that are there already, named on the command line, their queues, and keeps them so:
  // DPDK shows another process a device's queues as they are when that process attaches.
  absl::Status prepare();

  // Attaches what is wanted and missing.  All or nothing: on error what this call attached is detached again.
  absl::Status attach(const std::vector<PortRequest>& wanted) override;
  // Detaches what is not wanted.  Only after no worker polls it.
  void prune(const std::vector<PortRequest>& wanted) override;
  // Undoes an attach() that comes to nothing: these are wanted as before, and no others.
  void restore(const std::vector<PortRequest>& wanted) override;

  [[nodiscard]] const std::map<uint16_t, AttachedPort>& all() const override { return ports_; }

 private:
  [[nodiscard]] bool in_use(uint16_t number) const;
  absl::StatusOr<AttachedPort> open(const PortRequest& request);
  absl::StatusOr<AttachedPort> open_device(const PortRequest& request);
  absl::Status configure(AttachedPort& port);
  void close(const AttachedPort& port) const;

  unsigned workers_;
  rte_mempool* buffers_;
  std::map<uint16_t, AttachedPort> ports_;  // by PortId
  std::map<uint16_t, uint16_t> prepared_;   // receive queues, by device number
};

}  // namespace outrigger::engine
