#include "compiler/peer_fallback.h"

#include <algorithm>
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
                    const std::set<std::string>& in_force, const std::set<std::string>& leaving, Ids& ids,
                    v1::Structure& structure) {
  const FallbackAddresses known = fallback_addresses(objects);
  const int peers = structure.peers_size();
  for (int i = 0; i < peers; ++i) {
    const std::string node = structure.peers(i).name();
    const auto address = known.find(node);
    const bool moved = in_force.contains(node);
    if ((!moved && !leaving.contains(node)) || address == known.end()) continue;
    const std::string name = absl::StrCat(node, "/fallback");
    const uint32_t dpu = structure.peers(i).id(), at_host = ids.peers.id(name);
    v1::Peer& host = *structure.add_peers();
    host.set_id(at_host);
    host.set_name(name);
    host.set_enforces(true);
    host.add_underlay(address->second.bytes());
    if (!moved) {
      structure.mutable_peers(i)->set_also(at_host);
      continue;
    }
    host.set_also(dpu);
    for (v1::Endpoint& endpoint : *structure.mutable_endpoints()) {
      const bool there = endpoint.place_case() == v1::Endpoint::kPeer && endpoint.peer() == dpu;
      if (there && !is_health(endpoint.name())) endpoint.set_peer(at_host);
    }
  }
}

void yield(v1::Structure& structure) {
  for (v1::Peer& peer : *structure.mutable_peers()) peer.clear_underlay();
}

void be_quiet(v1::Structure& structure) {
  auto& all = *structure.mutable_endpoints();
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const v1::Endpoint& endpoint) {
                             return endpoint.place_case() == v1::Endpoint::kPeer &&
                                    is_health(endpoint.name());
                           }),
            all.end());
}

}  // namespace outrigger::compiler
