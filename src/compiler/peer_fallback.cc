#include "compiler/peer_fallback.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/health_network.h"

namespace outrigger::compiler {

namespace v1 = ::outrigger::engine::v1;

FallbackAddresses fallback_addresses(const std::vector<const manifest::Object*>& objects) {
  FallbackAddresses found;
  for (const manifest::Object* object : objects) {
    const auto* node = std::get_if<manifest::Node>(object);
    if (node != nullptr && node->fallback) found.emplace(node->meta.name, *node->fallback);
  }
  return found;
}

void apply_fallback(const std::vector<const manifest::Object*>& objects,
                    const std::set<std::string>& in_force, Ids& ids, v1::Structure& structure) {
  const FallbackAddresses known = fallback_addresses(objects);
  const int peers = structure.peers_size();
  for (int i = 0; i < peers; ++i) {
    const v1::Peer& peer = structure.peers(i);
    const auto address = known.find(peer.name());
    if (!in_force.contains(peer.name()) || address == known.end()) continue;
    const std::string name = absl::StrCat(peer.name(), "/fallback");
    const uint32_t from = peer.id(), to = ids.peers.id(name);
    v1::Peer& host = *structure.add_peers();
    host.set_id(to);
    host.set_name(name);
    host.set_enforces(true);
    host.add_underlay(address->second.bytes());
    for (v1::Endpoint& endpoint : *structure.mutable_endpoints()) {
      const bool there = endpoint.place_case() == v1::Endpoint::kPeer && endpoint.peer() == from;
      if (there && !is_health(endpoint.name())) endpoint.set_peer(to);
    }
  }
}

void yield(v1::Structure& structure) {
  for (v1::Peer& peer : *structure.mutable_peers()) peer.clear_underlay();
}

}  // namespace outrigger::compiler
