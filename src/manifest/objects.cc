#include "manifest/objects.h"

#include <algorithm>

#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

struct KindOf {
  std::string operator()(const Node&) const { return "Node"; }
  std::string operator()(const Network&) const { return "Network"; }
  std::string operator()(const Endpoint&) const { return "Endpoint"; }
  std::string operator()(const Namespace&) const { return "Namespace"; }
  std::string operator()(const Pod&) const { return "Pod"; }
  std::string operator()(const NetworkPolicy&) const { return "NetworkPolicy"; }
  std::string operator()(const Service&) const { return "Service"; }
  std::string operator()(const AdminPolicy& policy) const {
    return policy.baseline ? "BaselineAdminNetworkPolicy" : "AdminNetworkPolicy";
  }
};

}  // namespace

std::string Fault::str() const {
  std::string text = at.file;
  if (at.line > 0) append(text, ":", at.line);
  for (const std::string* part : {&object, &field, &problem}) {
    if (!part->empty()) append(text, text.empty() ? "" : ": ", *part);
  }
  // Names and values in it come from files; a fault stays one line whatever they hold.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text;
}

const Metadata& metadata(const Object& object) {
  return std::visit([](const auto& value) -> const Metadata& { return value.meta; }, object);
}

std::string kind(const Object& object) { return std::visit(KindOf{}, object); }

std::string name(const Object& object) {
  const Metadata& meta = metadata(object);
  return cat(kind(object), " ", meta.ns, meta.ns.empty() ? "" : "/", meta.name);
}

}  // namespace outrigger::manifest
