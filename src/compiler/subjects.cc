#include "compiler/subjects.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace outrigger::compiler {

using manifest::LabelSelector;
using manifest::Requirement;

Subjects::Subjects(const Objects& objects, bool with_pods, IdBook& ids) {
  for (const manifest::Namespace* ns : objects.namespaces) {
    Space& made = spaces_[space(ns->meta.name)];
    for (const auto& [key, value] : ns->meta.labels) made.labels.emplace(key, value);
  }
  for (const manifest::Endpoint* endpoint : objects.endpoints) {
    const manifest::Node* node = objects.node(endpoint->node);
    const bool enforced = node != nullptr && node->kind == manifest::Node::Kind::kDpu;
    add({.addresses = &endpoint->addresses,
         .ports = &endpoint->ports,
         .id = ids.id(full_name(endpoint->meta)),
         .enforced = enforced},
        endpoint->meta);
  }
  if (!with_pods) return;
  for (const manifest::Pod* pod : objects.pods) {
    add({.addresses = &pod->addresses,
         .ports = &pod->ports,
         .id = ids.id(absl::StrCat("Pod ", full_name(pod->meta))),
         .enforced = true},
        pod->meta);
  }
}

// A namespace needs no object of its own; its name is a label that nobody can take away (KEP 2161).
uint32_t Subjects::space(const std::string& name) {
  const auto [at, fresh] = space_by_name_.try_emplace(name, spaces_.size());
  if (fresh) spaces_.push_back({.labels = {{"kubernetes.io/metadata.name", name}}, .members = {}});
  return at->second;
}

void Subjects::add(Subject subject, const manifest::Metadata& meta) {
  const auto index = static_cast<uint32_t>(all_.size());
  subject.meta = &meta;
  subject.ns = space(meta.ns);
  spaces_[subject.ns].members.push_back(index);
  for (const auto& [key, value] : meta.labels) {
    by_label_[Label{key, value}].push_back(index);
    by_key_[key].push_back(index);
  }
  all_.push_back(subject);
}

Subjects::Members Subjects::everyone() const {
  Members members(all_.size());
  std::iota(members.begin(), members.end(), 0);
  return members;
}

// Lists of less than `limit` members in all that hold every match of the selector; none when there are no
// such.
std::vector<const Subjects::Members*> Subjects::shortest(const LabelSelector& pods, size_t limit) const {
  static const Members kNobody;
  std::vector<const Members*> best;
  for (const Requirement& requirement : pods.requirements) {
    std::vector<const Members*> lists{&kNobody};
    size_t size = 0;
    const auto take = [&](const auto& index, const auto& key) {
      const auto at = index.find(key);
      if (at == index.end()) return;
      lists.push_back(&at->second);
      size += at->second.size();
    };
    if (requirement.op == Requirement::Operator::kIn) {
      for (const std::string& value : requirement.values) take(by_label_, Label{requirement.key, value});
    } else if (requirement.op == Requirement::Operator::kExists) {
      take(by_key_, std::string_view(requirement.key));
    } else {
      continue;
    }
    if (size >= limit) continue;
    limit = size;
    best = std::move(lists);
  }
  return best;
}

Subjects::Members Subjects::filter(const std::vector<uint32_t>& spaces, const LabelSelector* pods) const {
  size_t total = 0;
  for (const uint32_t space : spaces) total += spaces_[space].members.size();
  std::vector<const Members*> lists;
  if (pods != nullptr) lists = shortest(*pods, total);
  if (lists.empty()) {
    for (const uint32_t space : spaces) lists.push_back(&spaces_[space].members);
  }
  Members found;
  for (const Members* list : lists) {
    for (const uint32_t index : *list) {
      if (pods != nullptr && !pods->matches(all_[index].meta->labels)) continue;
      if (std::binary_search(spaces.begin(), spaces.end(), all_[index].ns)) found.push_back(index);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Subjects::Members Subjects::in_namespace(const std::string& ns, const LabelSelector& pods) const {
  const auto at = space_by_name_.find(ns);
  return at == space_by_name_.end() ? Members{} : filter({at->second}, &pods);
}

Subjects::Members Subjects::in_namespaces(const LabelSelector& namespaces, const LabelSelector* pods) const {
  std::vector<uint32_t> spaces;
  for (uint32_t i = 0; i < spaces_.size(); ++i) {
    if (namespaces.matches(spaces_[i].labels)) spaces.push_back(i);
  }
  return filter(spaces, pods);
}

}  // namespace outrigger::compiler
