// What several kinds share: metadata, label selectors, named ports.
#include "manifest/readers.h"
#include "manifest/syntax.h"

namespace outrigger::manifest {
namespace {

constexpr size_t kMaxEntries = 10000;  // of lists that no standard bounds

void check_form(const Spot& at, std::string problem) {
  if (!problem.empty()) at.fault(std::move(problem));
}

Labels read_labels(const Spot& at) {
  Labels labels;
  if (!Map(at).valid()) return labels;
  for (const YamlField& field : at.value().fields) {
    const Spot entry = at.field(field.key, field.value);
    check_form(entry, label_key_fault(field.key));
    if (const auto value = read_text(entry)) {
      check_form(entry, label_value_fault(*value));
      labels[field.key] = *value;
    }
  }
  return labels;
}

// What the API server writes into every object; none of it concerns us (metav1.ObjectMeta).
Map metadata_map(const Spot& at) {
  return {at,
          {"name", "namespace", "labels", "annotations", "generateName", "uid", "resourceVersion",
           "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
           "ownerReferences", "finalizers", "managedFields", "selfLink", "clusterName"}};
}

std::string read_namespace_name(const Map& map, Scope scope) {
  const auto at = map.get("namespace");
  if (scope == Scope::kCluster) {
    if (at) at->fault("this kind is cluster-wide; remove the namespace");
    return "";
  }
  if (!at) return "default";
  const auto text = read_text(*at);
  if (text) check_form(*at, dns_label_fault(*text));
  return text.value_or("default");
}

using Operator = Requirement::Operator;

Operator read_operator(const Map& map) {
  const auto at = map.need("operator");
  const size_t choice = at ? read_choice(*at, {"In", "NotIn", "Exists", "DoesNotExist"}).value_or(0) : 0;
  return static_cast<Operator>(choice);
}

void read_values(const Spot& at, std::vector<std::string>& values) {
  read_list(at, kMaxEntries, [&](const Spot& item) {
    const auto text = read_text(item);
    if (!text) return;
    check_form(item, label_value_fault(*text));
    values.push_back(*text);
  });
}

Requirement read_requirement(const Spot& at) {
  Requirement requirement;
  const Map map(at, {"key", "operator", "values"});
  if (const auto key = map.need("key")) {
    const auto text = read_text(*key);
    requirement.key = text.value_or("");
    if (text) check_form(*key, label_key_fault(*text));
  }
  const size_t faults = at.report().faults.size();
  requirement.op = read_operator(map);
  const auto values = map.get("values");
  if (values) read_values(*values, requirement.values);
  if (at.report().faults.size() != faults) return requirement;
  const bool needs_values = requirement.op == Operator::kIn || requirement.op == Operator::kNotIn;
  if (needs_values && requirement.values.empty()) {
    at.fault_at(at.value().line, "values", "missing; In and NotIn need at least one value");
  }
  if (!needs_values && !requirement.values.empty()) {
    values->fault("must be absent; Exists and DoesNotExist take no values");
  }
  return requirement;
}

}  // namespace

Metadata read_metadata(const Map& top, Scope scope, NameForm form) {
  Metadata meta;
  const auto at = top.need("metadata");
  if (!at) return meta;
  const Map map = metadata_map(*at);
  meta.ns = read_namespace_name(map, scope);
  if (const auto labels = map.get("labels")) meta.labels = read_labels(*labels);
  if (map.valid() && !map.get("name") && map.get("generateName")) {
    at->fault_at(at->value().line, "name", "missing; generateName is not supported, give a name");
  } else if (const auto name = map.need("name")) {
    const auto text = read_text(*name);
    meta.name = text.value_or("");
    if (text)
      check_form(*name, form == NameForm::kLabel ? dns_label_fault(*text) : dns_subdomain_fault(*text));
  }
  return meta;
}

LabelSelector read_selector(const Spot& at) {
  LabelSelector selector;
  const Map map(at, {"matchLabels", "matchExpressions"});
  if (const auto labels = map.get("matchLabels")) {
    for (auto& [key, value] : read_labels(*labels)) {
      selector.requirements.push_back({key, Requirement::Operator::kIn, {value}});
    }
  }
  if (const auto expressions = map.get("matchExpressions")) {
    read_list(*expressions, kMaxEntries,
              [&](const Spot& item) { selector.requirements.push_back(read_requirement(item)); });
  }
  return selector;
}

std::vector<NamedPort> read_named_ports(const Spot& at, std::string_view port_field, PortNames names) {
  std::vector<NamedPort> ports;
  read_list(at, kMaxEntries, [&](const Spot& item) {
    NamedPort port;
    const Map map = names == PortNames::kNeeded ? Map(item, {"name", "protocol", port_field}) : Map(item);
    const auto name = names == PortNames::kNeeded ? map.need("name") : map.get("name");
    if (name) {
      const auto text = read_text(*name);
      port.name = text.value_or("");
      if (text) check_form(*name, port_name_fault(*text));
    }
    if (const auto protocol = map.get("protocol"))
      port.protocol = read_protocol(*protocol).value_or(port.protocol);
    if (const auto number = map.need(port_field)) {
      port.port = static_cast<uint16_t>(read_number(*number, 1, 65535).value_or(0));
    }
    if (!port.name.empty()) ports.push_back(std::move(port));
  });
  return ports;
}

}  // namespace outrigger::manifest
