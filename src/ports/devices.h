// The ports themselves: taps by their descriptors, everything else by DPDK.  Opened for engines, which move
// the packets; this process moves none.
// Thread-safety: any thread; one call at a time, and repair() waits for it.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ports.h"
#include "ports/desk.h"
#include "ports/events.h"

namespace outrigger::ports {

class Devices {
 public:
  Devices(unsigned workers, rte_mempool* buffers, Events& events)
      : workers_(workers), buffers_(buffers), events_(events), ethdevs_(workers, buffers) {}
  ~Devices();

  // Before any engine attaches: see LocalPorts.
  absl::Status prepare() { return ethdevs_.prepare(); }
  absl::StatusOr<Opened> open(const engine::v1::WantedPort& port);
  void set_mtu(uint32_t id, uint32_t mtu);
  void close(uint32_t id);

  // A descriptor of a tap that a ports process before us held: "tap INTERFACE QUEUE".
  absl::Status take_back(const std::string& name, Descriptor kept);
  // Those taken back that nobody asked for again.
  void forget_kept();
  void tell_kept();

  // Makes the packet buffers whole after the engine that used them died.
  uint64_t repair();
  [[nodiscard]] uint64_t buffers() const;
  [[nodiscard]] uint64_t buffers_in_use() const;

 private:
  struct Tap {
    std::string device;
    std::string interface;
    std::vector<Descriptor> queues;
  };

  absl::StatusOr<Opened> open_tap(const engine::v1::WantedPort& port);
  absl::StatusOr<Opened> open_ethdev(const engine::v1::WantedPort& port);
  std::vector<Descriptor> kept_queues(const std::string& interface);
  void tell(engine::v1::PortsEvent::Kind kind, const Tap& tap);

  const unsigned workers_;
  rte_mempool* const buffers_;
  Events& events_;
  std::mutex mutex_;
  // Under mutex_:
  engine::LocalPorts ethdevs_;
  std::vector<engine::PortRequest> wanted_ethdevs_;
  std::map<uint32_t, Tap> taps_;                                // by id
  std::map<std::string, std::map<unsigned, Descriptor>> kept_;  // by interface and queue
};

}  // namespace outrigger::ports
