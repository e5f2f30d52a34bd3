// The desk's backend on a real machine: node memory, devices, and the engines' processes.
// Thread-safety: the server's thread, as Backend says; what it uses is shared with the watch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/node_memory.h"
#include "ports/desk.h"
#include "ports/devices.h"
#include "ports/events.h"
#include "ports/options.h"
#include "ports/roster.h"
#include "ports/takeover.h"
#include "ports/watch.h"

namespace outrigger::ports {

struct Surroundings {
  std::string prefix;  // of DPDK's files
  std::string huge_folder;
  std::vector<std::string> enforced, not_enforced;
};

class Machine final : public Backend {
 public:
  Machine(const Options& options, Surroundings surroundings, Devices& devices, Roster& roster,
          Takeover& takeover, Watch& watch, Events& events);

  absl::StatusOr<Attached> attach(const engine::v1::AttachCall& call, pid_t pid) override;
  void take_back(const std::string& name, Descriptor kept) override;
  absl::StatusOr<Opened> open(const engine::v1::WantedPort& port) override { return devices_.open(port); }
  void set_mtu(uint32_t id, uint32_t mtu) override { devices_.set_mtu(id, mtu); }
  void close(uint32_t id) override { devices_.close(id); }
  void ready(uint32_t slot) override;
  void tell_kept() override;
  absl::StatusOr<engine::v1::SwapReply> swap(uint32_t to) override { return takeover_.swap(to); }
  absl::Status end(uint32_t slot, bool kill) override;
  void describe(engine::v1::PortsStatus& status) override;

 private:
  absl::Status need_memory();
  void use(engine::NodeMemory memory);
  absl::Status take_back_memory(Descriptor kept);
  absl::Status take_back_engine(const std::string& name, Descriptor kept);
  [[nodiscard]] absl::Status nobody_unknown_runs() const;
  void tell_memory();
  void tell_engine(const Member& engine);
  void describe_workers(engine::v1::PortsStatus& status) const;

  const Options& options_;
  Surroundings surroundings_;
  Devices& devices_;
  Roster& roster_;
  Takeover& takeover_;
  Watch& watch_;
  Events& events_;
  std::unique_ptr<engine::NodeMemory> memory_;  // made at first need: a predecessor's may be given to us
  SteadyTime started_ = std::chrono::steady_clock::now();
};

}  // namespace outrigger::ports
