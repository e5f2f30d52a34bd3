#include "cli/columns.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/kinds.h"
#include "cli/table.h"
#include "manifest/read.h"

namespace outrigger::cli {

namespace {

using Cells = std::vector<std::string>;

template <typename List>
std::string join(const List& list) {
  return absl::StrJoin(list, ",", [](std::string* out, const auto& one) { absl::StrAppend(out, one.str()); });
}

std::string labels(const manifest::Labels& labels) {
  return absl::StrJoin(labels, ",", absl::PairFormatter("="));
}

std::string all_if_empty(const manifest::LabelSelector& selector) {
  return selector.requirements.empty() ? "<all>" : selector.str();
}

const char* protocol(manifest::Protocol protocol) {
  switch (protocol) {
    case manifest::Protocol::kTcp:
      return "TCP";
    case manifest::Protocol::kUdp:
      return "UDP";
    case manifest::Protocol::kSctp:
      return "SCTP";
  }
  return "?";
}

std::string ports(const std::vector<manifest::NamedPort>& ports) {
  return absl::StrJoin(ports, ",", [](std::string* out, const manifest::NamedPort& port) {
    absl::StrAppend(out, port.name, port.name.empty() ? "" : ":", port.port, "/", protocol(port.protocol));
  });
}

// Headings and cells of a kind, without name and namespace; the last `extra` of them are for -o wide.
struct Columns {
  Cells headings;
  size_t extra = 0;
};

Columns columns(const manifest::Object& object) {
  struct {
    Columns operator()(const manifest::Node&) {
      return {{"KIND", "UNDERLAY", ">MTU", "UPLINK", "LABELS"}, 3};
    }
    Columns operator()(const manifest::Network&) {
      return {{">VNI", "ENCAPSULATION", ">MTU", "SUBNETS", "GATEWAYS", "BROADCAST", "DENIED", "DNS"}, 4};
    }
    Columns operator()(const manifest::Endpoint&) {
      return {{"NODE", "NETWORK", "ADDRESSES", "MAC", "PORTS", "DEVICE", "LABELS"}, 3};
    }
    Columns operator()(const manifest::Service&) {
      return {{"TASK", "VERSION", "PROBE", "OWNER", "FALLBACK", "PRIVILEGED", "LOCALITY"}, 2};
    }
    Columns operator()(const manifest::Namespace&) { return {{"LABELS"}, 0}; }
    Columns operator()(const manifest::Pod&) { return {{"ADDRESSES", "PORTS", "LABELS"}, 1}; }
    Columns operator()(const manifest::NetworkPolicy&) {
      return {{"SELECTS", "TYPES", ">INGRESS", ">EGRESS"}, 2};
    }
    Columns operator()(const manifest::AdminPolicy&) {
      return {{">PRIORITY", "NAMESPACES", "PODS", ">INGRESS", ">EGRESS"}, 2};
    }
  } visitor;
  return std::visit(visitor, object);
}

Cells cells(const manifest::Object& object) {
  struct {
    Cells operator()(const manifest::Node& node) {
      return {node.kind == manifest::Node::Kind::kDpu ? "dpu" : "plain", join(node.underlay),
              absl::StrCat(node.underlay_mtu), node.uplink, labels(node.meta.labels)};
    }
    Cells operator()(const manifest::Network& network) {
      const auto cidr = [](std::string* out, const manifest::Subnet& s) {
        absl::StrAppend(out, s.cidr.str());
      };
      const auto gateway = [](std::string* out, const manifest::Subnet& s) {
        absl::StrAppend(out, s.gateway.str());
      };
      return {absl::StrCat(network.vni),
              network.encapsulation == manifest::Network::Encapsulation::kVxlan ? "vxlan" : "geneve",
              absl::StrCat(network.mtu),
              absl::StrJoin(network.subnets, ",", cidr),
              absl::StrJoin(network.subnets, ",", gateway),
              network.broadcast == manifest::Network::Broadcast::kSuppress ? "suppress" : "replicate",
              network.reject ? "reject" : "drop",
              join(network.dns)};
    }
    Cells operator()(const manifest::Endpoint& endpoint) {
      std::string addresses = join(endpoint.addresses);
      if (!endpoint.prefixes.empty()) {
        absl::StrAppend(&addresses, addresses.empty() ? "" : ",", join(endpoint.prefixes));
      }
      return {endpoint.node,
              endpoint.network,
              addresses,
              endpoint.mac.str(),
              ports(endpoint.ports),
              endpoint.device,
              labels(endpoint.meta.labels)};
    }
    Cells operator()(const manifest::Service& service) {
      const auto text = [](auto value) { return std::string(manifest::text(value)); };
      const auto step = [&text](std::string* out, manifest::Service::Fallback f) { out->append(text(f)); };
      return {text(service.task),
              service.version,
              text(service.health.probe),
              service.logs.owner,
              absl::StrJoin(service.fallback, ",", step),
              service.privileged ? "yes" : "no",
              text(service.locality)};
    }
    Cells operator()(const manifest::Namespace& ns) { return {labels(ns.meta.labels)}; }
    Cells operator()(const manifest::Pod& pod) {
      return {join(pod.addresses), ports(pod.ports), labels(pod.meta.labels)};
    }
    Cells operator()(const manifest::NetworkPolicy& policy) {
      const bool both = policy.ingress_isolated && policy.egress_isolated;
      return {all_if_empty(policy.subject),
              both                      ? "Ingress,Egress"
              : policy.egress_isolated  ? "Egress"
              : policy.ingress_isolated ? "Ingress"
                                        : "",
              absl::StrCat(policy.ingress.size()), absl::StrCat(policy.egress.size())};
    }
    Cells operator()(const manifest::AdminPolicy& policy) {
      return {policy.baseline ? "" : absl::StrCat(policy.priority), all_if_empty(policy.subject_namespaces),
              policy.subject_pods ? all_if_empty(*policy.subject_pods) : "<all>",
              absl::StrCat(policy.ingress.size()), absl::StrCat(policy.egress.size())};
    }
  } visitor;
  return std::visit(visitor, object);
}

void append(Cells& to, Cells from, size_t leave_out) {
  from.resize(from.size() - leave_out);
  to.insert(to.end(), from.begin(), from.end());
}

void print_kind(std::ostream& out, const Kind& kind, const std::vector<const v1::Object*>& objects,
                bool wide) {
  std::unique_ptr<Table> table;
  for (const v1::Object* object : objects) {
    const manifest::Reading reading = manifest::read(object->document().text(), object->document().file());
    if (reading.documents.empty())
      continue;  // the daemon is newer than this program: `-o yaml` still shows it
    const manifest::Object& value = reading.documents.front().object;
    const Columns shape = columns(value);
    const size_t leave_out = wide ? 0 : shape.extra;
    if (table == nullptr) {
      Cells headings = kind.namespaced ? Cells{"NAMESPACE", "NAME"} : Cells{"NAME"};
      append(headings, shape.headings, leave_out);
      if (wide) headings.insert(headings.end(), {">GENERATION", "SOURCE"});
      table = std::make_unique<Table>(std::move(headings));
    }
    Cells row = kind.namespaced ? Cells{object->key().namespace_(), object->key().name()}
                                : Cells{object->key().name()};
    append(row, cells(value), leave_out);
    if (wide) {
      row.push_back(absl::StrCat(object->generation()));
      row.push_back(absl::StrCat(object->document().file(), ":", object->document().line()));
    }
    table->row(std::move(row));
  }
  if (table != nullptr) table->print(out);
}

}  // namespace

void print_objects(std::ostream& out, const v1::Objects& objects, bool wide) {
  std::map<std::string, std::vector<const v1::Object*>> by_kind;
  for (const v1::Object& object : objects.objects()) by_kind[object.key().kind()].push_back(&object);
  bool first = true;
  for (const Kind& kind : kinds()) {
    const auto found = by_kind.find(std::string(kind.name));
    if (found == by_kind.end()) continue;
    if (by_kind.size() > 1) out << (first ? "" : "\n") << "# " << kind.plural << '\n';
    first = false;
    print_kind(out, kind, found->second, wide);
  }
}

}  // namespace outrigger::cli
