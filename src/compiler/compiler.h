// Desired state to what an engine is given.  Pure: the same objects, ids and node give the same update.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/id.h"
#include "manifest/objects.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::compiler {

// Dense ids that keep their meaning from one compilation to the next: name -> id, the smallest free one
// first; but none a second time before `reuse_from` have been given out, so that what counts by id (a rule's
// hits) starts at zero for a new name.
class IdBook {
 public:
  explicit IdBook(uint32_t first = 0, uint32_t reuse_from = 0)
      : first_(first), reuse_from_(reuse_from), next_(first) {}
  uint32_t id(const std::string& name);  // existing or new; marks it used this round
  void begin();                          // starts a round
  void end();                            // frees the ids not used in it
  [[nodiscard]] const std::map<std::string, uint32_t>& all() const { return ids_; }
  [[nodiscard]] uint32_t next() const { return next_; }
  // Goes on as the book with these names and this next() would: engines and sessions know the ids it gave.
  // False, and nothing changed, when no such book can be.
  bool restore(std::map<std::string, uint32_t> ids, uint32_t next);

 private:
  std::map<std::string, uint32_t> ids_;
  std::vector<uint64_t> used_;  // by id - first_: the round it was last used in
  std::vector<uint32_t> free_;  // a heap, smallest on top
  uint32_t first_ = 0;
  uint32_t reuse_from_ = 0;
  uint32_t next_ = 0;  // no id from here on was ever given out
  uint64_t round_ = 0;
};

struct Ids {
  IdBook ports{1};      // "ns/endpoint"; 0 is the uplink
  IdBook endpoints{0};  // "ns/endpoint"
  IdBook peers{0};      // node name
  IdBook classes{1};
  IdBook selectors{1};
  IdBook rules{1, 1u << 19};  // "NetworkPolicy shop/web ingress[0]"
};

// A compiled desired state for one node, with the names that ids stand for.
struct Compiled {
  ::outrigger::engine::v1::Structure structure;
  ::outrigger::engine::v1::Policy policy;          // replace: true
  std::map<uint32_t, std::string> rule_names;      // by rule id, as shown to users
  std::map<uint32_t, std::string> endpoint_names;  // by endpoint id: "shop/web-1"
  std::map<uint32_t, std::string> class_names;     // by class id: the policies in it
};

// How devices are named when a manifest gives none.
struct Devices {
  std::string uplink;           // "net_tap0,iface=up0"
  std::string endpoint_format;  // "net_tap%u,iface=ep%u", with the port's id
  bool health = false;          // with the network of the health probes (health_network.h)
};

// Every endpoint on a dpu node is a subject, whatever the node: `explain` judges both sides.  Objects must
// have passed manifest::check.  NotFound when `node` is not among them; node "" compiles policy alone (for
// `policy check`).
absl::StatusOr<Compiled> compile(const std::vector<const manifest::Object*>& objects, const std::string& node,
                                 const Devices& devices, Ids& ids);

// The smallest policy change from one compilation to the next; empty when they mean the same.
::outrigger::engine::v1::Policy difference(const ::outrigger::engine::v1::Policy& from,
                                           const ::outrigger::engine::v1::Policy& to);

}  // namespace outrigger::compiler
