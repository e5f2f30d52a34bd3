// Devices behind PortIds: attached when an update names them, detached when none does any more.
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

class Ports {
 public:
  Ports(unsigned workers, rte_mempool* buffers) : workers_(workers), buffers_(buffers) {}
  ~Ports();

  // Attaches what is wanted and missing.  All or nothing: on error what this call attached is detached again.
  absl::Status attach(const std::vector<PortRequest>& wanted);
  // Detaches what is not wanted.  Only after no worker polls it.
  void prune(const std::vector<PortRequest>& wanted);
  // Undoes an attach() that comes to nothing: these are wanted as before, and no others.
  void restore(const std::vector<PortRequest>& wanted);

  // Who polls what, with `wanted` only (the rest is about to be pruned).
  void describe(const std::vector<PortRequest>& wanted, Published& published) const;
  [[nodiscard]] const std::map<uint16_t, AttachedPort>& all() const { return ports_; }

 private:
  [[nodiscard]] bool in_use(uint16_t number) const;
  absl::StatusOr<AttachedPort> open(const PortRequest& request);
  absl::Status configure(AttachedPort& port);
  static void close(const AttachedPort& port);

  unsigned workers_;
  rte_mempool* buffers_;
  std::map<uint16_t, AttachedPort> ports_;  // by PortId
};

}  // namespace outrigger::engine
