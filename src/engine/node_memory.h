// What outlives an engine: sessions, counters, the clock, and the word that says who may touch which queue.
// One memory file (memfd, huge pages when there are any), made by the ports process (in solo mode by the
// engine itself), mapped by every engine of the node and kept open by the agent, so that it survives the
// death of any of them.
//
// Theory of operation.  A worker number w stands for its queues and its sessions; `owner` names the one slot
// whose worker w may poll those queues and write those sessions.  A planned swap writes `wanted`; the owner
// sees it between two bursts, lets go of what it holds, and stores `owner = wanted`; the other's worker,
// asleep on that word (futex), starts.  After a crash the ports process, once the dead engine is confirmed
// dead and its packet buffers are recovered, writes both words itself.  Nothing here is a pointer; every
// structure has one writer at a time, named beside it.  A change of this file changes kNodeMemoryLayout.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "engine/counters.h"
#include "engine/session.h"

namespace outrigger::engine {

inline constexpr uint32_t kNodeMemoryLayout = 2;
inline constexpr unsigned kSlots = 4;        // engines attached at once
inline constexpr unsigned kMaxWorkers = 30;  // DPDK has 128 lcore ids for all slots together
inline constexpr uint32_t kNobody = 0xffffffff;
inline constexpr unsigned kCountedPorts = 4096;  // ports with counters of their own
inline constexpr unsigned kSharedNeighbours = 1024;
inline constexpr unsigned kSamples = 256;      // of each worker
inline constexpr unsigned kSampleBytes = 320;  // of a first packet

struct WorkerSizes {
  unsigned workers = 1;
  uint32_t sessions = 1u << 16;  // of each worker
  uint32_t rules = 1u << 20;
  friend bool operator==(const WorkerSizes&, const WorkerSizes&) = default;
};

// What a worker does between two beats, for whoever finds it without one.
enum class Doing : uint32_t { kNothing, kTurning, kResting, kLeaving };

struct alignas(64) WorkerWord {
  std::atomic<uint32_t> owner{
      kNobody};  // slot.  Writer: the owner when it lets go; the ports process when it is dead
  std::atomic<uint32_t> wanted{kNobody};  // slot.  Writer: the ports process
  std::atomic<uint64_t> beat{0};          // grows while it lives: pulse.h.  Writer: the owner
  std::atomic<uint32_t> doing{0};         // Doing.  Writer: the owner
  std::atomic<uint32_t> thread{0};        // its thread id (gettid).  Writer: the owner
};

// Packets and bytes of a port whose device does not count by itself.  Writer: the worker.
struct PortCounters {
  Counter rx_packets, rx_bytes, tx_packets, tx_bytes;
};

// A first packet and what the active engine decided, for a shadow to decide too.  Writer: the worker;
// a reader copies it and checks that `sequence` was even and did not change.
struct alignas(64) Sample {
  std::atomic<uint32_t> sequence{0};
  uint16_t port = 0;
  uint16_t length = 0;       // of the frame; bytes holds at most kSampleBytes of it
  uint32_t tunnel_peer = 0;  // 1 + PeerId when it came through a tunnel
  uint32_t tunnel_vni = 0;
  uint64_t generation = 0;
  // Of the Decision, tunnels as peer and VNI because their numbers are an engine's own.
  uint16_t to_port = 0;
  uint16_t to_peer = 0;  // 1 + PeerId
  uint32_t to_vni = 0;
  uint32_t to_endpoint = 0;
  uint32_t egress_rule = 0, ingress_rule = 0;
  uint8_t step = 0;  // Step::Kind
  uint8_t drop = 0;
  uint8_t routed = 0;
  uint8_t reject = 0;
  uint8_t reply = 0;  // FirstPacket::reply
  std::array<uint8_t, kSampleBytes> bytes{};
};

struct SharedNeighbour {
  std::atomic<uint32_t> sequence{0};  // as Sample's
  IpAddress address;
  MacAddress mac;
};

struct NodeMemoryHeader {
  uint64_t magic = 0;
  uint32_t layout = 0;
  uint32_t session_layout = 0;
  uint32_t drop_count = 0;  // kDropCount of the engine that made it; counters keep 128 places
  WorkerSizes sizes;
  uint64_t bytes = 0;
  uint64_t start_cycles = 0;       // TSC when time began
  uint64_t cycles_per_tick = 1;    // TSC
  std::atomic<uint32_t> epoch{0};  // the last number given to a publication.  Writers: engines, by fetch_add
  std::atomic<uint32_t> in_force{0};    // the active engine's epoch.  Writer: its control thread, as below
  std::atomic<uint64_t> generation{0};  // and what it was compiled from
  std::atomic<uint32_t> sampling{0};    // a bit for each slot whose shadow wants samples.  Writers: shadows;
                                        // the ports process when one is dead
  std::array<WorkerWord, kMaxWorkers> words;
  std::array<SharedNeighbour, kSharedNeighbours> neighbours;  // Writer: the active engine's control thread
};

// A mapping of the memory file.  Thread-safety: the object may be used from any thread; what it points to, as
// said above.
class NodeMemory {
 public:
  // `huge`: from 2 MiB pages, ResourceExhausted when there are too few.
  static absl::StatusOr<NodeMemory> create(const WorkerSizes& sizes, bool huge);
  // FailedPrecondition, with both layouts named, when it was made by an engine of another layout.
  // Takes the descriptor.
  static absl::StatusOr<NodeMemory> map(int fd);
  // For one process alone: no descriptor, and the kernel may back it with huge pages by itself.
  static absl::StatusOr<NodeMemory> alone(const WorkerSizes& sizes, bool huge);
  ~NodeMemory();
  NodeMemory(NodeMemory&& other) noexcept;
  NodeMemory& operator=(NodeMemory&& other) noexcept;

  // Once, by whoever made it, before anyone runs on it: rte_rdtsc() and rte_get_tsc_hz().
  void start_clock(uint64_t cycles, uint64_t hz) const;
  [[nodiscard]] int fd() const { return fd_; }  // stays ours
  [[nodiscard]] NodeMemoryHeader& header() const { return *header_; }
  // As they were when it was mapped: an engine that runs wild may write over the header's.
  [[nodiscard]] const WorkerSizes& sizes() const { return sizes_; }
  [[nodiscard]] WorkerWord& word(unsigned worker) const { return header_->words[worker]; }
  [[nodiscard]] WorkerCounters& counters(unsigned worker) const;
  [[nodiscard]] std::span<Counter> rule_hits(unsigned worker) const;
  [[nodiscard]] std::span<PortCounters> ports(unsigned worker) const;  // by PortId below kCountedPorts
  [[nodiscard]] std::span<Sample> samples(unsigned worker) const;
  [[nodiscard]] std::span<std::byte> sessions(unsigned worker) const;  // for SessionTable

 private:
  NodeMemory(int fd, NodeMemoryHeader* header) : fd_(fd), header_(header), sizes_(header->sizes) {}
  static NodeMemory make(int fd, void* at, const WorkerSizes& sizes);
  [[nodiscard]] std::byte* part(unsigned worker, size_t offset) const;
  int fd_ = -1;
  NodeMemoryHeader* header_ = nullptr;
  WorkerSizes sizes_;
};

// Sleeps while a worker's owner is `known`, at most `patience` if that is not zero; and ends such sleep, in
// whatever process.
void sleep_while(const std::atomic<uint32_t>& owner, uint32_t known,
                 std::chrono::nanoseconds patience = std::chrono::nanoseconds::zero());
void wake_sleepers(const std::atomic<uint32_t>& owner);

// Who has the queues, and the change of that.  For the ports process.
class Ownership {
 public:
  explicit Ownership(const NodeMemory& memory) : memory_(memory) {}
  // kNobody when no slot owns every worker.
  [[nodiscard]] uint32_t owner() const;
  // Asks the owner to let go in favour of `slot`; returns at once.  True from done(slot) on it has happened.
  void ask(uint32_t slot) const;
  [[nodiscard]] bool done(uint32_t slot) const;
  // done(slot), waited for.
  [[nodiscard]] bool wait_for(uint32_t slot, std::chrono::nanoseconds patience) const;
  void ask(unsigned worker, uint32_t slot) const;
  // Takes them from an engine that is dead (or never was).  Only once its process is known to be gone.
  void seize(uint32_t slot) const;
  void seize(unsigned worker, uint32_t slot) const;

 private:
  const NodeMemory& memory_;
};

}  // namespace outrigger::engine
