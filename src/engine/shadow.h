// Deciding what the active engine decides, beside it, to learn where two versions differ before the packets
// do.  First packets come as samples that the active engine's workers write; live sessions are read where
// they lie and asked about anew.  Moves nothing, and costs the active engine one copied frame a first packet.
// Thread-safety: the shadow's control thread.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "engine/node_memory.h"
#include "engine/session_table.h"
#include "engine/verdict.h"

namespace outrigger::engine {

class Shadow {
 public:
  Shadow(const NodeMemory& memory, unsigned slot);  // asks for samples
  ~Shadow();                                        // and no longer
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;

  // Compares what has come since.  Samples are overwritten: call it every 10 ms or so.
  void look(const Tables& tables);
  [[nodiscard]] const ShadowReport& report() const { return report_; }

 private:
  void look_at_samples(unsigned worker, const Tables& tables);
  void look_at_sessions(unsigned worker, const Tables& tables);
  void judge(const Sample& sample, const Tables& tables);
  void judge(const Session& session, const Tables& tables);
  void compare(const FirstPacket& packet, const Verdict& active, const Verdict& shadow);

  const NodeMemory& memory_;
  const uint32_t mark_;  // of our slot in NodeMemoryHeader::sampling
  ShadowReport report_;
  std::vector<std::vector<uint32_t>> seen_;  // sequence of every sample, by worker
  std::vector<SessionTable> sessions_;
  std::vector<SessionIndex> next_;  // session to go on with, by worker
};

}  // namespace outrigger::engine
