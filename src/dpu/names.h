// The engine counts by number; people read names.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/id.h"
#include "compiler/compiler.h"

namespace outrigger::agent {

class Names {
 public:
  Names() = default;
  explicit Names(const compiler::Compiled& compiled);

  // Each is a plain form of the number when there is no name: "rule 7", "port 3".
  [[nodiscard]] std::string rule(RuleId id) const;          // kNoRule: ""
  [[nodiscard]] std::string endpoint(EndpointId id) const;  // kNoEndpoint: ""
  [[nodiscard]] std::string port(PortId id) const;          // "shop/web-1", "uplink", kNoPort: ""
  [[nodiscard]] std::string network(Vni vni) const;
  [[nodiscard]] std::string device(PortId id) const;  // as configured; "" when there is none
  // The endpoint on a port; kNoEndpoint for the uplink.
  [[nodiscard]] EndpointId endpoint_on(PortId id) const;

 private:
  std::map<uint32_t, std::string> rules_;
  std::map<uint32_t, std::string> endpoints_;
  std::map<uint32_t, std::string> ports_;
  std::map<uint32_t, std::string> devices_;
  std::map<uint32_t, uint32_t> endpoint_on_port_;
  std::map<uint32_t, std::string> networks_;
};

}  // namespace outrigger::agent
