// The engine as the agent sees it: serialised updates in, figures out.  This is the narrow interface that
// later crosses a process boundary; nothing here hands out a pointer into the data path. Thread-safety: every
// call from one control thread.  Workers are the engine's own threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/capacity.h"
#include "engine/decision.h"
#include "engine/session.h"
#include "engine/tables.h"

namespace outrigger::engine {

struct EngineOptions {
  unsigned workers = 1;
  std::vector<unsigned> worker_cpus;        // pinned when given, one per worker
  uint32_t sessions_per_worker = 1u << 16;  // entries
  uint32_t buffers = 16384;                 // mbufs
  uint32_t rules = 1u << 20;                // rule counters, by RuleId
  bool huge_pages = false;                  // false: plain memory, and says so at start
  unsigned memory_mib = 256;                // for EAL
  std::vector<std::string> eal;             // further EAL arguments, "-d plugin.so" and such
  bool always_poll = false;                 // never sleep (benchmarks)
};

struct PortFigures {
  PortId id;
  std::string device;
  uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
};

struct WorkerFigures {
  unsigned worker = 0;
  uint64_t turns = 0, busy_turns = 0, packets = 0, decided = 0, redecided = 0, kept = 0, handed_over = 0,
           answered = 0, sleeps = 0;
};

struct Figures {
  Epoch epoch;
  Generation generation;
  std::vector<uint64_t> drops;      // by Drop
  std::vector<uint64_t> rule_hits;  // by RuleId: first packets (and packets decided again) it decided
  std::vector<PortFigures> ports;
  std::vector<WorkerFigures> workers;
  std::vector<Capacity> capacity;
};

struct Explanation {
  Step step;
  Decision decision;
  packet::Kind kind = packet::Kind::kMalformed;
  Epoch epoch;
  Generation generation;
  std::optional<Session> session;  // the flow has one now
};

// A frame that came out of a probe port, or a timeout.
struct Echo {
  bool arrived = false;
  PortId port;
  std::vector<uint8_t> frame;
  uint64_t nanoseconds = 0;  // from injection to arrival
  Drop drop = Drop::kNone;   // why it did not arrive, where the engine can tell
};

// One decision that a shadow and the active engine did not share.
struct Difference {
  std::string flow;    // "tcp 10.1.0.5:4242 -> 10.1.0.11:80 from port 3"
  std::string active;  // "forward to port 4, rule 17"
  std::string shadow;
  std::string kind;  // "forward -> drop policy_ingress": what --intended names
};

struct ShadowReport {
  uint64_t first_packets = 0;  // compared
  uint64_t sessions = 0;       // live ones compared
  uint64_t skipped = 0;        // of another generation, or overwritten before they were read
  uint64_t different = 0;
  std::vector<Difference> differences;  // the first 100
};

struct Attachment;

enum class Role : uint8_t { kStandby, kShadow, kActive, kLeaving };

class Engine {
 public:
  virtual ~Engine() = default;  // stops the workers, closes the ports

  // Starts EAL and the workers with empty tables.  One engine a process.
  static absl::StatusOr<std::unique_ptr<Engine>> start(const EngineOptions& options,
                                                       std::unique_ptr<TableBuilder> builder);

  // Attaches to the ports process as standby.  Workers, sessions and rules are as the node memory says.
  static absl::StatusOr<std::unique_ptr<Engine>> attach(const EngineOptions& options,
                                                        std::unique_ptr<TableBuilder> builder,
                                                        Attachment attachment);

  // Attaches ports the update names and it has not, builds, publishes, waits for the workers, retires.
  // Returns when every worker uses it.  On error nothing has changed.
  virtual absl::StatusOr<Epoch> apply(std::string_view update) = 0;

  // Parses and decides a frame as a worker would, with the published tables, moving nothing.
  virtual absl::StatusOr<Explanation> explain(std::span<const uint8_t> frame, PortId port,
                                              TunnelId tunnel) = 0;

  virtual Figures figures() = 0;
  // Up to `limit` live sessions, copied without stopping a worker.
  virtual std::vector<Session> sessions(size_t limit) = 0;
  // Sends a frame into the data path as if it had arrived at the probe port `port`, and waits for what comes
  // out of any probe port that carries the same 8 bytes `mark` in its payload.  An empty frame sends nothing:
  // who does not want to keep the control thread waits elsewhere, and asks again for what came meanwhile.
  virtual absl::StatusOr<Echo> probe(PortId /*port*/, std::span<const uint8_t> /*frame*/, uint64_t /*mark*/,
                                     unsigned /*timeout_ms*/) {
    return absl::UnimplementedError("no probe ports yet");
  }
  // Starts (true) or ends (false) deciding what the active engine decides, beside it; moves nothing.
  virtual absl::Status shadow(bool /*on*/) { return absl::UnimplementedError("no shadow yet"); }
  virtual ShadowReport shadow_report() { return {}; }
  [[nodiscard]] virtual Role role() { return Role::kActive; }

  // Work for the control thread (neighbour resolution of tunnel peers); call about every 100 ms.
  virtual void tend() = 0;
};

}  // namespace outrigger::engine
