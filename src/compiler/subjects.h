// Whom policies speak of: endpoints and, for `policy check`, pods.  2,000 policies over 10,000 of them must
// not mean 20 million label comparisons, so they are indexed by namespace and by label; a selector is
// answered from the shortest list that can hold its members.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "compiler/compiler.h"
#include "compiler/objects.h"

namespace outrigger::compiler {

struct Subject {
  const manifest::Metadata* meta = nullptr;
  const std::vector<IpAddress>* addresses = nullptr;
  const std::vector<manifest::NamedPort>* ports = nullptr;
  uint32_t ns = 0;        // index of its namespace
  uint32_t id = 0;        // EndpointId
  bool enforced = false;  // it has someone to judge for it: a dpu node, or the reader's imagination for a pod
};

class Subjects {
 public:
  using Members = std::vector<uint32_t>;  // indices into all(), ascending

  Subjects(const Objects& objects, bool with_pods, IdBook& ids);

  [[nodiscard]] const std::vector<Subject>& all() const { return all_; }
  [[nodiscard]] const Subject& operator[](uint32_t index) const { return all_[index]; }
  [[nodiscard]] Members in_namespace(const std::string& ns, const manifest::LabelSelector& pods) const;
  // pods nullptr: everyone in the namespaces.
  [[nodiscard]] Members in_namespaces(const manifest::LabelSelector& namespaces,
                                      const manifest::LabelSelector* pods) const;
  [[nodiscard]] Members everyone() const;

 private:
  struct Space {
    manifest::Labels labels;
    Members members;
  };
  using Label = std::pair<std::string_view, std::string_view>;

  uint32_t space(const std::string& name);
  void add(Subject subject, const manifest::Metadata& meta);
  [[nodiscard]] std::vector<const Members*> shortest(const manifest::LabelSelector& pods, size_t limit) const;
  [[nodiscard]] Members filter(const std::vector<uint32_t>& spaces,
                               const manifest::LabelSelector* pods) const;

  std::vector<Subject> all_;
  std::vector<Space> spaces_;
  absl::flat_hash_map<std::string, uint32_t> space_by_name_;
  absl::flat_hash_map<Label, Members> by_label_;
  absl::flat_hash_map<std::string_view, Members> by_key_;
};

}  // namespace outrigger::compiler
