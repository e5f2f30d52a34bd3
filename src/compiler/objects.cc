#include "compiler/objects.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace outrigger::compiler {
namespace {

template <typename T>
void sort_by_name(std::vector<const T*>& list) {
  std::sort(list.begin(), list.end(), [](const T* a, const T* b) {
    return std::tie(a->meta.ns, a->meta.name) < std::tie(b->meta.ns, b->meta.name);
  });
}

template <typename T>
const T* find(const std::vector<const T*>& list, const std::string& name) {
  const auto at =
      std::lower_bound(list.begin(), list.end(), name,
                       [](const T* item, const std::string& text) { return item->meta.name < text; });
  return at != list.end() && (*at)->meta.name == name ? *at : nullptr;
}

struct Sorter {
  Objects& into;
  void operator()(const manifest::Node& x) const { into.nodes.push_back(&x); }
  void operator()(const manifest::Network& x) const { into.networks.push_back(&x); }
  void operator()(const manifest::Endpoint& x) const { into.endpoints.push_back(&x); }
  void operator()(const manifest::Namespace& x) const { into.namespaces.push_back(&x); }
  void operator()(const manifest::Pod& x) const { into.pods.push_back(&x); }
  void operator()(const manifest::NetworkPolicy& x) const { into.policies.push_back(&x); }
  void operator()(const manifest::Service&) const {}  // the agent's affair, not the data path's
  void operator()(const manifest::AdminPolicy& x) const {
    (x.baseline ? into.baseline : into.admin).push_back(&x);
  }
};

}  // namespace

Objects::Objects(const std::vector<const manifest::Object*>& all) {
  for (const manifest::Object* object : all) std::visit(Sorter{*this}, *object);
  sort_by_name(nodes);
  sort_by_name(networks);
  sort_by_name(endpoints);
  sort_by_name(namespaces);
  sort_by_name(pods);
  sort_by_name(policies);
  sort_by_name(admin);
  sort_by_name(baseline);
  std::stable_sort(admin.begin(), admin.end(),
                   [](const auto* a, const auto* b) { return a->priority < b->priority; });
}

const manifest::Node* Objects::node(const std::string& name) const { return find(nodes, name); }
const manifest::Network* Objects::network(const std::string& name) const { return find(networks, name); }

std::string full_name(const manifest::Metadata& meta) {
  return meta.ns.empty() ? meta.name : absl::StrCat(meta.ns, "/", meta.name);
}

}  // namespace outrigger::compiler
