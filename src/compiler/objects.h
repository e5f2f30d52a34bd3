// The desired state sorted by kind and name, so that a compilation does not depend on the order of the files.
#pragma once

#include <string>
#include <vector>

#include "manifest/objects.h"

namespace outrigger::compiler {

struct Objects {
  std::vector<const manifest::Node*> nodes;
  std::vector<const manifest::Network*> networks;
  std::vector<const manifest::Endpoint*> endpoints;
  std::vector<const manifest::Namespace*> namespaces;
  std::vector<const manifest::Pod*> pods;
  std::vector<const manifest::NetworkPolicy*> policies;
  std::vector<const manifest::AdminPolicy*> admin;  // by priority, then name: the order they are judged in
  std::vector<const manifest::AdminPolicy*> baseline;

  explicit Objects(const std::vector<const manifest::Object*>& all);
  [[nodiscard]] const manifest::Node* node(const std::string& name) const;  // nullptr: there is none
  [[nodiscard]] const manifest::Network* network(const std::string& name) const;
};

// "shop/web-1"; the name alone for cluster-wide kinds.
std::string full_name(const manifest::Metadata& meta);

}  // namespace outrigger::compiler
