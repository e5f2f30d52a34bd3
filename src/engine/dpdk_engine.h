// The engine of one process: EAL, ports, workers, and the control side that publishes to them.
// Thread-safety: one control thread, as Engine says.
#pragma once

#include <deque>
#include <optional>
#include <thread>

#include "engine/attachment.h"
#include "engine/engine.h"
#include "engine/neighbours.h"
#include "engine/node_memory.h"
#include "engine/port_source.h"
#include "engine/shadow.h"
#include "engine/shared_neighbours.h"
#include "engine/worker.h"

namespace outrigger::engine {

class DpdkEngine final : public Engine {
 public:
  DpdkEngine(EngineOptions options, std::unique_ptr<TableBuilder> builder);
  ~DpdkEngine() override;

  absl::Status begin();                      // solo
  absl::Status join(Attachment attachment);  // as standby

  absl::StatusOr<Epoch> apply(std::string_view bytes) override;
  absl::StatusOr<Explanation> explain(std::span<const uint8_t> frame, PortId port, TunnelId tunnel) override;
  Figures figures() override;
  std::vector<Session> sessions(size_t limit) override;
  absl::StatusOr<Echo> probe(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                             unsigned timeout_ms) override;
  absl::Status shadow(bool on) override;
  ShadowReport shadow_report() override;
  [[nodiscard]] Role role() override;
  void tend() override;

 private:
  // Cleans up after DPDK when everything that uses it is gone.
  struct Eal {
    bool started = false;
    ~Eal();
  };

  absl::Status publish_nothing();
  void make_workers();
  void run_in_threads();
  absl::Status run_on_lcores();
  void stop_workers();
  void pin();
  [[nodiscard]] bool active() const;
  Epoch next_epoch();
  void be_active();
  void learn_from_others();
  void compare();
  [[nodiscard]] std::vector<uint64_t> drops() const;
  std::optional<Echo> next_echo(uint64_t mark, uint64_t since);
  std::optional<Echo> late_echo(uint64_t mark);
  absl::Status inject(PortId port, std::span<const uint8_t> frame);
  void publish(const Tables* tables);
  void republish();
  void send(std::span<const uint8_t> frame, PortId port);
  void hear_neighbours(Neighbours::Clock::time_point now);
  void announce(Neighbours::Clock::time_point now);
  void add_worker_figures(unsigned id, Figures& out) const;

  EngineOptions options_;
  std::unique_ptr<TableBuilder> builder_;
  Eal eal_;  // outlives everything of DPDK's
  unsigned slot_ = 0;
  std::optional<NodeMemory> memory_;
  Shared shared_;
  std::unique_ptr<PortSource> ports_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;  // solo
  std::vector<unsigned> lcores_;      // attached
  std::unique_ptr<Published> published_;
  std::vector<PortRequest> wanted_;
  std::shared_ptr<const Limits> limits_;
  uint64_t limits_number_ = 0;  // of the publication that brought them
  Neighbours neighbours_;
  std::optional<SharedNeighbours> shared_neighbours_;
  std::optional<Shadow> shadow_;
  ShadowReport last_report_;
  std::deque<Echo> late_;  // out of probe ports, not what was waited for then
  Neighbours::Clock::time_point announced_;
  Epoch epoch_;
  uint64_t publications_ = 0;
  uint64_t high_water_ = 0;  // of buffers, as seen by figures()
};

}  // namespace outrigger::engine
