#include "compiler/compiler.h"

#include "absl/strings/str_cat.h"
#include "compiler/health_network.h"
#include "compiler/policies.h"
#include "compiler/structure.h"
#include "compiler/subjects.h"

namespace outrigger::compiler {
namespace {

constexpr auto kBooks = {&Ids::ports,   &Ids::endpoints, &Ids::peers,
                         &Ids::classes, &Ids::selectors, &Ids::rules};

absl::StatusOr<const manifest::Node*> find_node(const Objects& objects, const std::string& name) {
  const manifest::Node* node = objects.node(name);
  if (node == nullptr) return absl::NotFoundError(absl::StrCat("Node ", name, " is not among the objects"));
  if (node->kind != manifest::Node::Kind::kDpu) {
    return absl::FailedPreconditionError(absl::StrCat("Node ", name, " is plain: it runs no engine"));
  }
  return node;
}

}  // namespace

absl::StatusOr<Compiled> compile(const std::vector<const manifest::Object*>& list, const std::string& node,
                                 const Devices& devices, Ids& ids) {
  const Objects objects(list);
  for (IdBook Ids::*book : kBooks) (ids.*book).begin();
  Compiled out;
  const manifest::Node* self = nullptr;
  if (!node.empty()) {
    const absl::StatusOr<const manifest::Node*> found = find_node(objects, node);
    if (!found.ok()) return found.status();
    self = *found;
    if (absl::Status status = write_structure(objects, **found, devices, ids, out.structure); !status.ok()) {
      return status;
    }
  }
  const Subjects subjects(objects, /*with_pods=*/node.empty(), ids.endpoints);
  for (const Subject& subject : subjects.all())
    out.endpoint_names.emplace(subject.id, full_name(*subject.meta));
  out.policy.set_replace(true);
  if (absl::Status status = Policies(objects, subjects, ids).write(out); !status.ok()) return status;
  if (self != nullptr && devices.health) {
    if (absl::Status status = add_health_network(objects, *self, ids, out); !status.ok()) return status;
  }
  for (IdBook Ids::*book : kBooks) (ids.*book).end();
  return out;
}

}  // namespace outrigger::compiler
