#include "dpu/names.h"

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

std::string look_up(const std::map<uint32_t, std::string>& names, uint32_t id, const char* plain) {
  const auto found = names.find(id);
  return found == names.end() ? absl::StrCat(plain, " ", id) : found->second;
}

}  // namespace

Names::Names(const compiler::Compiled& compiled)
    : rules_(compiled.rule_names), endpoints_(compiled.endpoint_names) {
  for (const auto& network : compiled.structure.networks()) networks_[network.vni()] = network.name();
  for (const auto& port : compiled.structure.ports()) {
    devices_[port.id()] = port.device();
    if (port.role() == engine::v1::Port::UPLINK) ports_[port.id()] = "uplink";
  }
  for (const auto& endpoint : compiled.structure.endpoints()) {
    if (endpoint.place_case() != engine::v1::Endpoint::kPort) continue;
    ports_[endpoint.port()] = endpoint.name();
    endpoint_on_port_[endpoint.port()] = endpoint.id();
  }
}

std::string Names::rule(RuleId id) const { return id == kNoRule ? "" : look_up(rules_, id.value(), "rule"); }

std::string Names::endpoint(EndpointId id) const {
  return id == kNoEndpoint ? "" : look_up(endpoints_, id.value(), "endpoint");
}

std::string Names::port(PortId id) const { return id == kNoPort ? "" : look_up(ports_, id.value(), "port"); }

std::string Names::network(Vni vni) const { return look_up(networks_, vni.value(), "vni"); }

std::string Names::device(PortId id) const {
  const auto found = devices_.find(id.value());
  return found == devices_.end() ? "" : found->second;
}

EndpointId Names::endpoint_on(PortId id) const {
  const auto found = endpoint_on_port_.find(id.value());
  return found == endpoint_on_port_.end() ? kNoEndpoint : EndpointId(found->second);
}

}  // namespace outrigger::agent
