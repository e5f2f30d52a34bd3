// The desired state as one immutable value: the objects in force, what they compile to for this node, and the
// names the engine's numbers stand for.  Replaced whole by every apply, so that readers never see half of
// one.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/id.h"
#include "compiler/compiler.h"
#include "dpu/names.h"
#include "manifest/objects.h"

namespace outrigger::agent {

struct Key {
  std::string kind;
  std::string ns;
  std::string name;
  friend auto operator<=>(const Key&, const Key&) = default;
  [[nodiscard]] std::string str() const;  // "Endpoint shop/web-1"
};

Key key_of(const manifest::Object& object);

struct Held {
  manifest::Document document;
  uint64_t generation = 0;  // that last changed it
};

using Objects = std::map<Key, std::shared_ptr<const Held>>;

struct Snapshot {
  Generation generation;
  Epoch epoch;                                       // that put it in force
  bool in_force = false;                             // the engine has it
  absl::Time in_force_since = absl::InfinitePast();  // of this generation, by steady_time()
  bool node_known = false;
  bool by_host = false;  // this node's host carries its traffic, not the engine
  uint64_t digest = 0;   // of what is compiled: the engine says it back, so that both know what is meant
  std::map<std::string, std::string>
      refused;  // "Endpoint shop/web-1" -> why the engine has it in its last good form
  Objects objects;
  compiler::Compiled compiled;
  // As `compiled`, but as it is while this node does not yield to its host: what the host is given.
  std::shared_ptr<const compiler::Compiled> straight;
  compiler::Ids ids;
  Names names;

  [[nodiscard]] std::vector<const manifest::Object*> all() const;
  template <typename T>
  [[nodiscard]] const T* find(const std::string& kind, const std::string& ns, const std::string& name) const {
    const auto found = objects.find({kind, ns, name});
    return found == objects.end() ? nullptr : std::get_if<T>(&found->second->document.object);
  }
};

}  // namespace outrigger::agent
