#include "dpu/objects.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

std::string Key::str() const { return absl::StrCat(kind, " ", ns, ns.empty() ? "" : "/", name); }

Key key_of(const manifest::Object& object) {
  const manifest::Metadata& meta = manifest::metadata(object);
  return {manifest::kind(object), meta.ns, meta.name};
}

std::vector<const manifest::Object*> Snapshot::all() const {
  std::vector<const manifest::Object*> list;
  list.reserve(objects.size());
  for (const auto& [key, held] : objects) list.push_back(&held->document.object);
  return list;
}

}  // namespace outrigger::agent
