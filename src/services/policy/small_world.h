// The world that the judgement and change tests share.
#pragma once

#include "services/policy/make_policy.h"
#include "services/policy/table.h"

namespace outrigger::policy::testing {

inline constexpr EndpointId kSubject{7};
inline constexpr uint32_t kTcp = 6;
inline const Peer kPod{EndpointId{20}, ip("10.9.0.1")};
inline const Peer kWeb{kNoEndpoint, ip("10.1.1.1")};

// Endpoint 7 is judged by class 1.  Selector 1 names endpoint 20; 2 is 10.1.0.0/16 but for 10.1.2.0/24; 3 is
// two blocks of which the second gives back what the first excepts.
inline pb::Policy world(bool isolated) {
  pb::Policy policy;
  add_class(policy, 1, isolated, 99);
  add_subject(policy, kSubject.value(), 1);
  add_selector(policy, 1, {20});
  add_selector(policy, 2, {}, {block("10.1.0.0/16", {"10.1.2.0/24"})});
  add_selector(policy, 3, {}, {block("10.1.0.0/16", {"10.1.2.0/24"}), block("10.1.2.0/28", {"10.1.2.3"})});
  add_selector(policy, 4, {}, {block("::/0")});
  add_selector(policy, 6, {}, {block("10.0.0.0/8", {"::/0", "10.0.0.0/25"})});
  return policy;
}

}  // namespace outrigger::policy::testing
