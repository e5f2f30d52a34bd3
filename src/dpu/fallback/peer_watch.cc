#include "dpu/fallback/peer_watch.h"

namespace outrigger::agent {

PeerWatch::InForce PeerWatch::in_force() const {
  const std::lock_guard lock(mutex_);
  InForce now;
  for (const auto& [node, peer] : peers_) {
    if (peer.fallen) now.insert(node);
  }
  return now;
}

std::set<std::string> PeerWatch::leaving() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> now;
  for (const auto& [node, peer] : peers_) {
    if (!peer.fallen && settings_.clock() - peer.back < settings_.leaving) now.insert(node);
  }
  return now;
}

// Two probes may end at once: whoever comes later publishes what holds by then.
void PeerWatch::publish() {
  const std::lock_guard lock(publishing_);
  std::pair now(in_force(), leaving());
  if (now == published_) return;
  published_ = std::move(now);
  changed_(published_.first);
}

void PeerWatch::follow(const std::set<std::string>& nodes) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(peers_, [&](const auto& entry) { return !nodes.contains(entry.first); });
    for (const std::string& node : nodes) peers_.try_emplace(node);
  }
  publish();
}

void PeerWatch::probed(const std::string& node, bool answered) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(node);
    if (found == peers_.end()) return;
    Peer& peer = found->second;
    if (peer.fallen != answered) {
      peer.against = 0;
      return;
    }
    if (++peer.against < (peer.fallen ? settings_.successes : settings_.failures)) return;
    peer.fallen = !peer.fallen;
    if (!peer.fallen) peer.back = settings_.clock();
    peer.against = 0;
  }
  publish();
}

}  // namespace outrigger::agent
