#include "compiler/selectors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::compiler {

using manifest::PeerMatch;
using manifest::PolicyRule;
using manifest::PortMatch;
using ::outrigger::engine::v1::Block;
using ::outrigger::engine::v1::Prefix;

namespace {

// A wide IPv6 prefix covers the IPv4 addresses too in the common form, and the unspecified address, which
// stands for "no address".  Neither is meant by `::/0`.
const IpPrefix kNotMeant[] = {{IpAddress::v4(0), 96}, {IpAddress{}, 128}};

void write(const IpPrefix& from, Prefix& to) {
  to.set_address(from.address.bytes());
  to.set_length(from.length);
}

std::vector<IpPrefix> exceptions(const PeerMatch& block) {
  std::vector<IpPrefix> except = block.except;
  for (const IpPrefix& prefix : kNotMeant) {
    if (!block.cidr->is_v4() && block.cidr->contains(prefix)) except.push_back(prefix);
  }
  std::sort(except.begin(), except.end());
  except.erase(std::unique(except.begin(), except.end()), except.end());
  return except;
}

bool covers(const PeerMatch& block, const IpAddress& address) {
  if (!block.cidr->contains(address)) return false;
  const auto except = exceptions(block);
  return std::none_of(except.begin(), except.end(),
                      [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

std::string text(const PeerMatch& block) {
  std::string out = block.cidr->str();
  for (const IpPrefix& except : exceptions(block)) absl::StrAppend(&out, " except ", except.str());
  return out;
}

std::string port_text(const PortMatch& named, const Ports& ports) {
  return absl::StrCat(" with ", named.name, "=", unsigned{ports.protocol}, "/", unsigned{ports.first});
}

void sort_unique(auto& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

std::vector<Ports> resolve(const PortMatch& named, const Subject& subject) {
  std::vector<Ports> found;
  for (const manifest::NamedPort& port : *subject.ports) {
    if (port.name != named.name || (named.protocol && *named.protocol != port.protocol)) continue;
    found.push_back({static_cast<uint8_t>(port.protocol), port.port, port.port});
  }
  sort_unique(found);
  return found;
}

Selectors::Group Selectors::group(const PeerMatch& peer, const std::string& ns) {
  const std::string pods = peer.pods ? peer.pods->str() : "";
  std::string text = peer.namespaces
                         ? absl::StrCat("namespaces(", peer.namespaces->str(), ") pods(", pods, ")")
                         : absl::StrCat("namespace ", ns, " pods(", pods, ")");
  auto at = members_.find(text);
  if (at == members_.end()) {
    const manifest::LabelSelector* wanted = peer.pods ? &*peer.pods : nullptr;
    Members members = peer.namespaces
                          ? subjects_.in_namespaces(*peer.namespaces, wanted)
                          : subjects_.in_namespace(ns, peer.pods.value_or(manifest::LabelSelector{}));
    at = members_.emplace(text, std::move(members)).first;
  }
  return {std::move(text), &at->second};
}

uint32_t Selectors::intern(const std::string& text, const Members& members) {
  const auto [at, fresh] = known_.try_emplace(text, 0);
  if (!fresh) return at->second;
  at->second = ids_.id(text);
  Selector& selector = made_[at->second];
  selector.set_id(at->second);
  selector.mutable_endpoints()->Reserve(static_cast<int>(members.size()));
  for (const uint32_t member : members) selector.add_endpoints(subjects_[member].id);
  std::sort(selector.mutable_endpoints()->begin(), selector.mutable_endpoints()->end());
  return at->second;
}

uint32_t Selectors::intern(const std::vector<const PeerMatch*>& blocks) {
  std::map<std::string, const PeerMatch*> by_text;
  for (const PeerMatch* block : blocks) by_text.emplace(text(*block), block);
  const std::string name = absl::StrCat(
      "blocks ",
      absl::StrJoin(by_text, ", ", [](std::string* out, const auto& item) { *out += item.first; }));
  const auto [at, fresh] = known_.try_emplace(name, 0);
  if (!fresh) return at->second;
  at->second = ids_.id(name);
  Selector& selector = made_[at->second];
  selector.set_id(at->second);
  for (const auto& [key, block] : by_text) {
    Block& made = *selector.add_blocks();
    compiler::write(*block->cidr, *made.mutable_cidr());
    for (const IpPrefix& except : exceptions(*block)) compiler::write(except, *made.add_except());
  }
  return at->second;
}

std::vector<uint32_t> Selectors::of(const PolicyRule& rule, const std::string& ns) {
  if (rule.peers.empty()) return {kEveryone};
  std::vector<uint32_t> found;
  std::vector<const PeerMatch*> blocks;
  for (const PeerMatch& peer : rule.peers) {
    if (peer.cidr) {
      blocks.push_back(&peer);
      continue;
    }
    const Group members = group(peer, ns);
    found.push_back(intern(members.text, *members.members));
  }
  if (!blocks.empty()) found.push_back(intern(blocks));
  sort_unique(found);
  return found;
}

void Selectors::part(const Group& group, const PortMatch& named, std::vector<Resolved>& found) {
  std::map<Ports, Members> parts;
  for (const uint32_t member : *group.members) {
    for (const Ports& ports : resolve(named, subjects_[member])) parts[ports].push_back(member);
  }
  for (const auto& [ports, members] : parts) {
    found.emplace_back(intern(group.text + port_text(named, ports), members), ports);
  }
}

// Whoever has the port and an address in the block, by that address: its others are not in the block.
void Selectors::part(const PeerMatch& block, const PortMatch& named, std::vector<Resolved>& found) {
  std::map<Ports, std::vector<PeerMatch>> parts;
  for (const Subject& subject : subjects_.all()) {
    const std::vector<Ports> resolved = resolve(named, subject);
    if (resolved.empty()) continue;
    for (const IpAddress& address : *subject.addresses) {
      if (!covers(block, address)) continue;
      for (const Ports& ports : resolved) parts[ports].push_back({.cidr = IpPrefix::host(address)});
    }
  }
  for (const auto& [ports, hosts] : parts) {
    std::vector<const PeerMatch*> blocks;
    for (const PeerMatch& host : hosts) blocks.push_back(&host);
    found.emplace_back(intern(blocks), ports);
  }
}

std::vector<Selectors::Resolved> Selectors::of(const PolicyRule& rule, const std::string& ns,
                                               const PortMatch& named) {
  std::vector<Resolved> found;
  if (rule.peers.empty()) {
    const auto [at, fresh] = members_.try_emplace("anyone");
    if (fresh) at->second = subjects_.everyone();
    part(Group{"anyone", &at->second}, named, found);
  }
  for (const PeerMatch& peer : rule.peers) {
    if (peer.cidr) {
      part(peer, named, found);
    } else {
      part(group(peer, ns), named, found);
    }
  }
  sort_unique(found);
  return found;
}

void Selectors::write(::outrigger::engine::v1::Policy& policy) const {
  for (const auto& [id, selector] : made_) *policy.add_set_selectors() = selector;
}

}  // namespace outrigger::compiler
