// Kubernetes' v1 Namespace and Pod: a source of labels, addresses and named ports.  What does not concern us
// is ignored.
#include <algorithm>

#include "manifest/readers.h"

namespace outrigger::manifest {
namespace {

constexpr size_t kMaxEntries = 10000;

void add_address(const Map& map, std::string_view key, Pod& pod) {
  const auto at = map.get(key);
  const auto address = at && !at->value().text.empty() ? read_address(*at) : std::nullopt;
  if (!address) return;
  const bool known = std::find(pod.addresses.begin(), pod.addresses.end(), *address) != pod.addresses.end();
  if (!known) pod.addresses.push_back(*address);
}

// A pod that has ended keeps its status, but its addresses may belong to another by now.
bool has_ended(const Map& status) {
  const auto phase = status.get("phase");
  return phase && (phase->value().text == "Succeeded" || phase->value().text == "Failed");
}

void read_status(const Spot& at, Pod& pod) {
  const Map status(at);
  if (has_ended(status)) return;
  add_address(status, "podIP", pod);
  if (const auto addresses = status.get("podIPs")) {
    read_list(*addresses, kMaxEntries, [&](const Spot& item) { add_address(Map(item), "ip", pod); });
  }
}

}  // namespace

Object read_namespace(const Map& /*top*/, Metadata meta) {
  meta.labels[std::string(kNamespaceNameLabel)] = meta.name;
  Namespace declared;
  declared.meta = std::move(meta);
  return declared;
}

Object read_pod(const Map& top, Metadata meta) {
  Pod pod;
  pod.meta = std::move(meta);
  if (const auto status = top.get("status")) read_status(*status, pod);
  const auto at = top.get("spec");
  if (!at) return pod;
  const Map spec(*at);
  if (const auto containers = spec.get("containers")) {
    read_list(*containers, kMaxEntries, [&](const Spot& item) {
      const Map container(item);
      const auto ports = container.get("ports");
      if (!ports) return;
      for (NamedPort& port : read_named_ports(*ports, "containerPort", PortNames::kOptional)) {
        pod.ports.push_back(std::move(port));
      }
    });
  }
  return pod;
}

}  // namespace outrigger::manifest
