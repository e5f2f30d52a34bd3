// The two ends of a flow: a name or an address, as users write it, to an endpoint and the address it would
// use.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/address.h"
#include "base/id.h"
#include "compiler/subjects.h"

namespace outrigger::compiler {

// An endpoint or pod.
struct Person {
  std::string name;     // "shop/web-1"
  std::string network;  // empty for a pod
  std::vector<IpAddress> addresses;
  EndpointId id;
  bool enforced = false;
};

struct Party {
  const Person* person = nullptr;  // nullptr: an outside address
  IpAddress address;               // as seen by the other side; zero: it has none of the other's family
};

struct Pair {
  Party source, destination;
};

class Parties {
 public:
  Parties(const Objects& objects, const Subjects& subjects);
  [[nodiscard]] absl::StatusOr<Pair> find(const std::string& source, const std::string& destination) const;

 private:
  struct Claim {
    std::vector<const Person*> who;  // more than one: ambiguous so far; none: an outside address
    IpAddress address;               // zero when a name was given
  };
  [[nodiscard]] absl::StatusOr<Claim> claim(const std::string& text) const;

  std::vector<Person> people_;
  absl::flat_hash_map<std::string, std::vector<uint32_t>> by_name_;
  absl::flat_hash_map<IpAddress, std::vector<uint32_t>> by_address_;
};

}  // namespace outrigger::compiler
