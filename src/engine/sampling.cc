// First packets and what was decided about them, written down for shadows to decide too.
#include <algorithm>
#include <cstring>

#include "engine/worker.h"

namespace outrigger::engine {

namespace {

void fill(Sample& out, const FirstPacket& packet, const Step& step, const Decision& decision,
          const Actions& actions) {
  out.port = packet.port.value();
  out.length = static_cast<uint16_t>(packet.frame.size());
  out.reply = packet.reply;
  out.tunnel_peer = out.tunnel_vni = 0;
  if (packet.tunnel != kNoTunnel) {
    out.tunnel_peer = 1u + actions.tunnels[packet.tunnel.value()].peer.value();
    out.tunnel_vni = actions.tunnels[packet.tunnel.value()].vni.value();
  }
  out.to_port = decision.to.port.value();
  out.to_peer = 0;
  out.to_vni = 0;
  if (decision.to.tunnel != kNoTunnel) {
    out.to_peer = static_cast<uint16_t>(1u + actions.tunnels[decision.to.tunnel.value()].peer.value());
    out.to_vni = actions.tunnels[decision.to.tunnel.value()].vni.value();
  }
  out.to_endpoint = decision.to.endpoint;
  out.egress_rule = decision.egress.rule.value();
  out.ingress_rule = decision.ingress.rule.value();
  out.step = static_cast<uint8_t>(step.kind);
  out.drop = static_cast<uint8_t>(step.drop);
  out.routed = decision.to.routed;
  out.reject = decision.reject;
  std::memcpy(out.bytes.data(), packet.frame.data(), std::min(packet.frame.size(), out.bytes.size()));
}

}  // namespace

void Worker::sample(const FirstPacket& packet, const Step& step, const Decision& decision) {
  if (header_.sampling.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  Sample& out = samples_[sampled_++ % samples_.size()];
  const uint32_t even = out.sequence.load(std::memory_order_relaxed) & ~1u;  // odd: its writer died
  out.sequence.store(even + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  fill(out, packet, step, decision, *actions_);
  out.generation = tables_->generation.value();
  out.sequence.store(even + 2, std::memory_order_release);
}

}  // namespace outrigger::engine
