// The engine of one process: EAL, ports, workers, and the control side that publishes to them.
// Thread-safety: one control thread, as Engine says.
#pragma once

#include <thread>

#include "engine/engine.h"
#include "engine/memory.h"
#include "engine/neighbours.h"
#include "engine/ports.h"
#include "engine/worker.h"

namespace outrigger::engine {

class DpdkEngine final : public Engine {
 public:
  DpdkEngine(EngineOptions options, std::unique_ptr<TableBuilder> builder);
  ~DpdkEngine() override;

  absl::Status begin();

  absl::StatusOr<Epoch> apply(std::string_view bytes) override;
  absl::StatusOr<Explanation> explain(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) override;
  Figures figures() override;
  std::vector<Session> sessions(size_t limit) override;
  void tend() override;

 private:
  // Cleans up after DPDK when everything that uses it is gone.
  struct Eal {
    bool started = false;
    ~Eal();
  };

  absl::Status make_workers();
  void pin();
  void publish(const Tables* tables);
  void republish();
  void send(std::span<const uint8_t> frame, PortId port);
  void hear_neighbours(Neighbours::Clock::time_point now);
  void announce(Neighbours::Clock::time_point now);
  void add_worker_figures(unsigned id, Figures& out) const;

  EngineOptions options_;
  std::unique_ptr<TableBuilder> builder_;
  Eal eal_;  // outlives everything of DPDK's
  Shared shared_;
  std::unique_ptr<Ports> ports_;
  std::vector<Memory> session_memory_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Published> published_;
  std::vector<PortRequest> wanted_;
  std::shared_ptr<const Limits> limits_;
  uint64_t limits_number_ = 0;  // of the publication that brought them
  Neighbours neighbours_;
  Neighbours::Clock::time_point announced_;
  Epoch epoch_;
  uint64_t publications_ = 0;
  uint64_t high_water_ = 0;  // of buffers, as seen by figures()
};

}  // namespace outrigger::engine
