// One thread that moves packets: receive, parse, look up, apply, send.  It shares nothing but what is handed
// over.
//
// Theory of operation.  A turn takes a burst from every queue it polls and from every other worker's ring.
// Packets with a key of its own go the fast way: a session that is current repeats its decision.  Everything
// else goes the slow way: first packets, stale sessions, fragments, ARP, ICMP errors, refusals.
// Thread-safety: run() on its own thread; the counters from any.  Nothing here locks.
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include <atomic>
#include <memory>
#include <vector>

#include "engine/burst.h"
#include "engine/counters.h"
#include "engine/fragment_table.h"
#include "engine/node_memory.h"
#include "engine/published.h"
#include "engine/pulse.h"
#include "engine/rate_limit.h"
#include "engine/session_table.h"
#include "engine/shared.h"
#include "engine/transmit.h"
#include "packet/known_outer.h"

namespace outrigger::engine {

class Worker {
 public:
  Worker(unsigned id, unsigned slot, const NodeMemory& memory, Shared& shared);

  // Until request to stop: sleeps while another engine has its queues, serves them while this one has.
  void run();

  [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
  [[nodiscard]] const RuleHits& rule_hits() const { return rule_hits_; }
  [[nodiscard]] const SessionTable& sessions() const { return sessions_; }
  [[nodiscard]] const FragmentTable& fragments() const { return fragments_; }

 private:
  // worker_role.cc: having the queues, or not
  [[nodiscard]] bool owns() const { return word_.owner.load(std::memory_order_acquire) == slot_; }
  [[nodiscard]] bool asked_to_leave() const {
    const uint32_t wanted = word_.wanted.load(std::memory_order_relaxed);
    return wanted != slot_ && wanted != kNobody;
  }
  void prepare();
  void serve();
  void let_publication_go();
  void take_over();
  void let_go();
  void wait_for_the_others();
  void give_up_packets();
  void beat(Doing doing);

  // worker.cc
  [[nodiscard]] Tick time() const;
  bool turn();
  bool receive_ready();
  bool take_arrivals();
  void size_for(const Published& published);
  void refresh();
  bool take_handed_over();
  [[nodiscard]] bool still_there(const HandOver& with) const;
  bool send_for_control();
  rte_mbuf* packet_of(const Letter& letter);
  // Empty turns before the first sleep; where any packet ends it, sooner: others want the CPU.
  static constexpr unsigned kIdleTurns = 512, kIdleTurnsOfTaps = 16;
  void rest(unsigned idle_turns);
  void drop(rte_mbuf* packet, Drop why);

  // arrival.cc: from device to PacketInfo
  bool receive(const PollSource& source);
  void arrive(Burst& burst, PortId port);
  void arrive_from_endpoint(Burst& burst, PortId port, const PortAction& action);
  void arrive_from_fabric(Burst& burst, PortId port);
  TunnelId strip_tunnel(Burst& burst, unsigned i, Drop* why);
  TunnelId strip_other_tunnel(Burst& burst, unsigned i, Drop* why);
  void sort(Burst& burst, unsigned i);
  bool keep(Burst& burst, unsigned i);
  void post(unsigned to);

  // fast_path.cc: sessions that are current
  void process(Burst& burst);
  Drop repeat(Burst& burst, unsigned i, SessionIndex index);
  Drop follow(Burst& burst, unsigned i, SessionIndex index);
  Drop take_note(Burst& burst, unsigned i, SessionIndex index);
  Drop forward(Burst& burst, unsigned i, SessionIndex index);
  void hand_to(rte_mbuf* packet, const End& to, uint32_t hash);
  void deliver(rte_mbuf* packet, const End& to, uint32_t hash);
  void rewrite(uint8_t* frame, const packet::PacketInfo& info, const End& to) const;

  // slow_path.cc: everything else
  void think(Burst& burst, unsigned i);
  void flow(Burst& burst, unsigned i);
  void open(Burst& burst, unsigned i);
  void pick_up(Burst& burst, unsigned i);
  Step decide_first(Burst& burst, unsigned i, bool reply, Decision& decision);
  void install(Burst& burst, unsigned i, const Decision& decision, bool answers);
  void remember_denial(Burst& burst, unsigned i, const Decision& decision);
  bool still_revoked(Burst& burst, unsigned i, Session& session);
  void denied(Burst& burst, unsigned i, SessionIndex index);
  void stale(Burst& burst, unsigned i, SessionIndex index);
  void decide_again(Burst& burst, unsigned i, SessionIndex index);
  void misplaced(Burst& burst, unsigned i, SessionIndex index);
  void reopen(Burst& burst, unsigned i, SessionIndex index);
  void conclude(Burst& burst, unsigned i, SessionIndex index);
  void icmp_error(Burst& burst, unsigned i);
  bool borrow_ports(Burst& burst, unsigned i);
  void act(Burst& burst, unsigned i, const Step& step, const Decision& decision);
  void count_rules(const Decision& decision);
  // A difference, not an order: numbers wrap.
  [[nodiscard]] bool ours(const Session& session) const {
    return static_cast<int32_t>(session.epoch - own_since_) > 0;
  }

  // sampling.cc: what shadows are shown
  void sample(const FirstPacket& packet, const Step& step, const Decision& decision);

  // answers.cc: packets the engine makes itself
  void respond(Burst& burst, unsigned i);
  void refuse(Burst& burst, unsigned i, Drop why, Step::Error error, uint16_t mtu);
  void pass(Burst& burst, unsigned i, const End& to);
  void replicate(Burst& burst, unsigned i);
  void fragment(Burst& burst, unsigned i, const End& to, uint16_t mtu);
  void tell_control(Burst& burst, unsigned i);
  void send_back(Burst& burst, unsigned i, rte_mbuf* answer, size_t length);

  [[nodiscard]] FirstPacket first(const Burst& burst, unsigned i, bool reply = false) const {
    return {burst.info[i], burst.bytes(i), port_of(burst.from[i]), tunnel_of(burst.from[i]), reply};
  }
  [[nodiscard]] unsigned owner(uint32_t hash) const {
    return static_cast<unsigned>((uint64_t{hash} * workers_) >> 32);
  }
  [[nodiscard]] uint16_t mtu_towards(const End& to) const {
    return to.tunnel == kNoTunnel ? ports_[to.port.value()].mtu : tunnels_[to.tunnel.value()].inner_mtu;
  }

  const unsigned id_;
  const unsigned workers_;
  const uint32_t slot_;
  Shared& shared_;
  const NodeMemoryHeader& header_;
  WorkerWord& word_;
  Pulse pulse_;
  WorkerCounters& counters_;
  RuleHits rule_hits_;
  std::span<PortCounters> port_counters_;
  std::span<Sample> samples_;
  SessionTable sessions_;
  FragmentTable fragments_;
  Transmit transmit_;
  RateLimit answers_{2000, 200};
  RateLimit errors_{160, 40};

  const Published* published_ = nullptr;  // of this turn
  const Tables* tables_ = nullptr;
  const Actions* actions_ = nullptr;
  const PortAction* ports_ = nullptr;  // of actions_, a load nearer
  const Tunnel* tunnels_ = nullptr;
  const Rewrite* rewrites_ = nullptr;
  uint32_t epoch_ = 0;
  uint32_t own_since_ = 0;  // sessions of epochs up to here may be another engine's decisions
  uint32_t sampled_ = 0;
  Tick now_ = 0;
  bool strict_ = false;
  packet::KnownOuter last_outer_;  // of an earlier packet from the fabric, and its tunnel
  TunnelId last_tunnel_ = kNoTunnel;

  uint64_t number_ = 0;         // of the publication in use
  uint64_t limits_number_ = 0;  // of the one that brought the limits in use

  Burst burst_;

  // Packets on their way to another worker's ring.
  struct Outbox {
    uint16_t count = 0;
    std::array<rte_mbuf*, Burst::kSize> packets;
  };
  std::vector<Outbox> outboxes_;  // by worker
};

}  // namespace outrigger::engine
