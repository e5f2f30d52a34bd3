#include "engine/shadow.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/session_frame.h"
#include "packet/parser.h"

namespace outrigger::engine {

namespace {

constexpr size_t kMostDifferences = 100;
constexpr size_t kSessionsPerLook = 256;  // of each worker

const char* protocol_name(uint8_t protocol) {
  switch (protocol) {
    case packet::kTcp:
      return "tcp";
    case packet::kUdp:
      return "udp";
    case packet::kIcmp:
      return "icmp";
    case packet::kIcmpV6:
      return "icmp6";
    default:
      return "ip";
  }
}

std::string flow_of(const FirstPacket& packet) {
  const packet::PacketInfo& info = packet.info;
  const packet::FlowKey& key = info.key;
  const uint16_t from = info.reverse ? key.b_port : key.a_port;
  const uint16_t to = info.reverse ? key.a_port : key.b_port;
  return absl::StrCat(protocol_name(key.protocol()), " ", info.source().str(), ":", from, " -> ",
                      info.destination().str(), ":", to, " from port ", packet.port.value(),
                      packet.tunnel == kNoTunnel ? "" : " through a tunnel");
}

TunnelId tunnel_to(const Actions& actions, uint32_t peer, uint32_t vni) {
  for (size_t i = 1; i < actions.tunnels.size(); ++i) {
    const Tunnel& tunnel = actions.tunnels[i];
    if (tunnel.peer.value() + 1u == peer && tunnel.vni.value() == vni)
      return TunnelId(static_cast<uint16_t>(i));
  }
  return kNoTunnel;
}

// Whole, or not at all.
bool read(const Sample& from, uint32_t sequence, Sample& out) {
  std::atomic_thread_fence(std::memory_order_acquire);
  std::memcpy(reinterpret_cast<char*>(&out) + offsetof(Sample, port),
              reinterpret_cast<const char*>(&from) + offsetof(Sample, port),
              sizeof(Sample) - offsetof(Sample, port));
  std::atomic_thread_fence(std::memory_order_acquire);
  return from.sequence.load(std::memory_order_relaxed) == sequence;
}

}  // namespace

Shadow::Shadow(const NodeMemory& memory, unsigned slot) : memory_(memory), mark_(1u << slot) {
  const WorkerSizes& sizes = memory.header().sizes;
  for (unsigned worker = 0; worker < sizes.workers; ++worker) {
    std::vector<uint32_t>& seen = seen_.emplace_back();
    for (const Sample& sample : memory.samples(worker)) seen.push_back(sample.sequence.load() & ~1u);
    sessions_.emplace_back(memory.sessions(worker), sizes.sessions);
  }
  next_.resize(sizes.workers);
  memory_.header().sampling.fetch_or(mark_);
}

Shadow::~Shadow() { memory_.header().sampling.fetch_and(~mark_); }

void Shadow::look(const Tables& tables) {
  for (unsigned worker = 0; worker < seen_.size(); ++worker) {
    look_at_samples(worker, tables);
    look_at_sessions(worker, tables);
  }
}

void Shadow::look_at_samples(unsigned worker, const Tables& tables) {
  const std::span<Sample> samples = memory_.samples(worker);
  Sample copy;
  for (size_t i = 0; i < samples.size(); ++i) {
    const uint32_t sequence = samples[i].sequence.load(std::memory_order_acquire);
    if (sequence == seen_[worker][i] || sequence % 2 != 0) continue;
    report_.skipped += (sequence - seen_[worker][i]) / 2 - 1;
    seen_[worker][i] = sequence;
    if (read(samples[i], sequence, copy) && copy.generation == tables.generation.value()) {
      judge(copy, tables);
    } else {
      ++report_.skipped;
    }
  }
}

// A sample holds the beginning of its frame; the rest is payload that no service reads.
void Shadow::judge(const Sample& sample, const Tables& tables) {
  const Actions& actions = *tables.actions;
  TunnelId tunnel = kNoTunnel;
  if (sample.tunnel_peer != 0) tunnel = tunnel_to(actions, sample.tunnel_peer, sample.tunnel_vni);
  const bool unknown =
      (sample.tunnel_peer != 0 && tunnel == kNoTunnel) || sample.port >= actions.ports.size();
  std::vector<uint8_t> frame(sample.length);
  std::memcpy(frame.data(), sample.bytes.data(), std::min<size_t>(frame.size(), kSampleBytes));
  packet::PacketInfo info;
  if (!unknown) {
    const Vni vni = tunnel == kNoTunnel ? actions.ports[sample.port].vni : Vni(sample.tunnel_vni);
    packet::parse(frame, vni, info);
  }
  if (unknown || info.kind != packet::Kind::kFlow) {  // a later fragment's ports are not in it
    ++report_.skipped;
    return;
  }
  const FirstPacket packet{info, frame, PortId(sample.port), tunnel, sample.reply != 0};
  Decision decision;
  const Step step = tables.decide(packet, decision);
  ++report_.first_packets;
  compare(packet, Verdict::of(sample), Verdict::of(step, decision, actions));
}

// Only those that the active engine has decided by the same generation: others it will decide again itself.
void Shadow::look_at_sessions(unsigned worker, const Tables& tables) {
  const NodeMemoryHeader& header = memory_.header();
  const uint32_t epoch = header.in_force.load(std::memory_order_acquire);
  if (header.generation.load(std::memory_order_relaxed) != tables.generation.value()) return;
  std::vector<Session> some;
  next_[worker] = sessions_[worker].copy_from(next_[worker], kSessionsPerLook, some);
  for (const Session& session : some) {
    if (session.epoch == epoch && header.in_force.load(std::memory_order_relaxed) == epoch)
      judge(session, tables);
  }
}

// What a session cannot tell is taken over from the shadow's answer: which peer (its tunnel's number is the
// active engine's own) and the second of two rules.
void Shadow::judge(const Session& session, const Tables& tables) {
  const End& from = session.end[session.opener];
  const End& to = session.end[session.opener ^ 1];
  SessionFrame made;
  if (!made.build(session, *tables.actions)) {
    ++report_.skipped;
    return;
  }
  const FirstPacket packet{made.info(), made.frame(), from.port, kNoTunnel, false};
  Decision decision;
  const Step step = tables.decide(packet, decision);
  const Verdict shadow = Verdict::of(step, decision, *tables.actions);
  Verdict active = shadow;
  active.step = Step::Kind::kNext;
  active.drop = Drop::kNone;
  active.port = to.port;
  active.routed = to.routed;
  active.endpoint = to.endpoint;
  if ((to.tunnel == kNoTunnel) != (shadow.peer == 0)) {
    active.peer = to.tunnel == kNoTunnel ? 0 : 0xffff;
    active.vni = to.tunnel == kNoTunnel ? 0 : session.key.vni().value();
  }
  ++report_.sessions;
  compare(packet, active, shadow);
}

void Shadow::compare(const FirstPacket& packet, const Verdict& active, const Verdict& shadow) {
  if (active == shadow) return;
  ++report_.different;
  if (report_.differences.size() >= kMostDifferences) return;
  Difference difference{flow_of(packet), text(active), text(shadow), kind_of_difference(active, shadow)};
  const bool known = std::any_of(
      report_.differences.begin(), report_.differences.end(),
      [&](const Difference& one) { return one.flow == difference.flow && one.kind == difference.kind; });
  if (!known) report_.differences.push_back(std::move(difference));
}

}  // namespace outrigger::engine
