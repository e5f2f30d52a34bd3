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

// Two probes may end at once: whoever comes later publishes what holds by then.
void PeerWatch::publish() {
  const std::lock_guard lock(publishing_);
  const InForce now = in_force();
  if (now == published_) return;
  published_ = now;
  changed_(now);
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
    peer.against = 0;
  }
  publish();
}

}  // namespace outrigger::agent
