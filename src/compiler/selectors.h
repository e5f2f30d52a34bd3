// The other side of a rule, as selectors of update.proto.  Thousands of policies say "app=web in my
// namespace": they share one selector, found by its canonical text.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "compiler/compiler.h"
#include "compiler/subjects.h"

namespace outrigger::compiler {

// What a rule wants of protocol and port; all 0: anything.
struct Ports {
  uint8_t protocol = 0;
  uint16_t first = 0, last = 0;
  friend auto operator<=>(const Ports&, const Ports&) = default;
};

// The ports of `subject` that a port entry names; empty when it has none of that name.
std::vector<Ports> resolve(const manifest::PortMatch& named, const Subject& subject);

class Selectors {
 public:
  static constexpr uint32_t kEveryone = 0;
  using Resolved = std::pair<uint32_t, Ports>;  // selector, and the port its members give the name to

  Selectors(const Subjects& subjects, IdBook& ids) : subjects_(subjects), ids_(ids) {}

  // The selectors that together stand for the peers of a rule in a policy of namespace `ns`.
  std::vector<uint32_t> of(const manifest::PolicyRule& rule, const std::string& ns);
  // The same peers, but only those that have the named port, parted by what it is.
  std::vector<Resolved> of(const manifest::PolicyRule& rule, const std::string& ns,
                           const manifest::PortMatch& named);

  // Everything that was asked for, by id.
  void write(::outrigger::engine::v1::Policy& policy) const;

 private:
  using Selector = ::outrigger::engine::v1::Selector;
  using Members = Subjects::Members;

  struct Group {
    std::string text;  // canonical
    const Members* members = nullptr;
  };
  Group group(const manifest::PeerMatch& peer, const std::string& ns);
  uint32_t intern(const std::string& text, const Members& members);
  uint32_t intern(const std::vector<const manifest::PeerMatch*>& blocks);
  void part(const Group& group, const manifest::PortMatch& named, std::vector<Resolved>& found);
  void part(const manifest::PeerMatch& block, const manifest::PortMatch& named, std::vector<Resolved>& found);

  const Subjects& subjects_;
  IdBook& ids_;
  absl::node_hash_map<std::string, Members> members_;  // by canonical text
  absl::flat_hash_map<std::string, uint32_t> known_;   // texts already made into `made_`
  std::map<uint32_t, Selector> made_;
};

}  // namespace outrigger::compiler
