// Objects for tests, said shortly.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "manifest/objects.h"

namespace outrigger::compiler::testing {

using manifest::Labels;
using manifest::LabelSelector;
using manifest::PeerMatch;
using manifest::PortMatch;
using manifest::Protocol;
using manifest::Requirement;

inline LabelSelector in(const std::string& key, std::vector<std::string> values) {
  return {{{key, Requirement::Operator::kIn, std::move(values)}}};
}
inline LabelSelector is(const std::string& key, const std::string& value) { return in(key, {value}); }
inline LabelSelector not_in(const std::string& key, std::vector<std::string> values) {
  return {{{key, Requirement::Operator::kNotIn, std::move(values)}}};
}
inline LabelSelector has(const std::string& key) { return {{{key, Requirement::Operator::kExists, {}}}}; }
inline LabelSelector lacks(const std::string& key) {
  return {{{key, Requirement::Operator::kDoesNotExist, {}}}};
}

inline PeerMatch pods(LabelSelector selector) { return {.pods = std::move(selector)}; }
inline PeerMatch spaces(LabelSelector selector) { return {.namespaces = std::move(selector)}; }
inline PeerMatch both(LabelSelector namespaces, LabelSelector selector) {
  return {.pods = std::move(selector), .namespaces = std::move(namespaces)};
}
inline PeerMatch block(const std::string& cidr, const std::vector<std::string>& except = {}) {
  PeerMatch peer{.cidr = IpPrefix::parse(cidr)};
  for (const std::string& text : except) peer.except.push_back(*IpPrefix::parse(text));
  return peer;
}
inline PortMatch tcp(uint16_t first, uint16_t last = 0) {
  return {Protocol::kTcp, first, last ? last : first, ""};
}
inline PortMatch udp(uint16_t first) { return {Protocol::kUdp, first, first, ""}; }
inline PortMatch named(const std::string& name, Protocol protocol = Protocol::kTcp) {
  return {protocol, 0, 0, name};
}

// A set of objects that grows; pointers into it stay good.
class World {
 public:
  [[nodiscard]] std::vector<const manifest::Object*> objects() const {
    std::vector<const manifest::Object*> out;
    for (const manifest::Object& object : objects_) out.push_back(&object);
    return out;
  }
  template <typename T>
  T& add(T value) {
    objects_.emplace_back(std::move(value));
    return std::get<T>(objects_.back());
  }
  manifest::Node& node(const std::string& name, const std::string& underlay = "",
                       manifest::Node::Kind kind = manifest::Node::Kind::kDpu) {
    manifest::Node& made = add(manifest::Node{.meta = {.name = name}, .kind = kind});
    if (!underlay.empty()) made.underlay = {*IpAddress::parse(underlay)};
    return made;
  }
  manifest::Network& network(const std::string& name, uint32_t vni) {
    return add(manifest::Network{.meta = {.name = name}, .vni = vni});
  }
  manifest::Namespace& space(const std::string& name, Labels labels) {
    return add(manifest::Namespace{.meta = {.name = name, .labels = std::move(labels)}});
  }
  // "shop/web-1" on a node, in network blue.
  manifest::Endpoint& endpoint(const std::string& name, const std::string& node, Labels labels,
                               const std::vector<std::string>& addresses,
                               std::vector<manifest::NamedPort> ports = {}) {
    const size_t slash = name.find('/');
    manifest::Endpoint& made = add(manifest::Endpoint{
        .meta = {.name = name.substr(slash + 1), .ns = name.substr(0, slash), .labels = std::move(labels)},
        .node = node,
        .network = "blue",
        .ports = std::move(ports)});
    for (const std::string& text : addresses) made.addresses.push_back(*IpAddress::parse(text));
    return made;
  }
  // Isolates for ingress; change the rest on the result.
  manifest::NetworkPolicy& policy(const std::string& name, LabelSelector subject,
                                  std::vector<manifest::PolicyRule> ingress = {}) {
    const size_t slash = name.find('/');
    return add(manifest::NetworkPolicy{.meta = {.name = name.substr(slash + 1), .ns = name.substr(0, slash)},
                                       .subject = std::move(subject),
                                       .ingress_isolated = true,
                                       .ingress = std::move(ingress)});
  }
  manifest::AdminPolicy& admin(const std::string& name, uint32_t priority,
                               std::vector<manifest::PolicyRule> ingress) {
    return add(
        manifest::AdminPolicy{.meta = {.name = name}, .priority = priority, .ingress = std::move(ingress)});
  }

 private:
  std::deque<manifest::Object> objects_;
};

}  // namespace outrigger::compiler::testing
