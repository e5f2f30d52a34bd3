#include "dpu/fallback/bundle_maker.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "compiler/health_network.h"

namespace outrigger::agent {

std::vector<std::string> default_host_services() { return {"overlay", "policy", "vswitch"}; }

// A lost file must not send sequences back: they also follow the clock.
absl::StatusOr<uint64_t> BundleMaker::next_sequence() {
  uint64_t kept = 0;
  std::ifstream(settings_.sequence_file) >> kept;
  const auto now = static_cast<uint64_t>(absl::ToUnixMillis(settings_.clock()));
  sequence_ = std::max({sequence_, kept, now}) + 1;
  const std::string fresh = settings_.sequence_file + ".new";
  std::ofstream out(fresh, std::ios::trunc);
  out << sequence_ << std::endl;
  if (!out || rename(fresh.c_str(), settings_.sequence_file.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("write ", settings_.sequence_file));
  }
  return sequence_;
}

absl::StatusOr<v1::SignedBundle> BundleMaker::make(const compiler::Compiled& compiled, uint64_t generation,
                                                   const IpAddress& host_tunnel) {
  if (host_tunnel.is_zero()) {
    return absl::FailedPreconditionError(
        absl::StrCat("Node ", settings_.node, " has no spec.fallback.underlay"));
  }
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<uint64_t> sequence = next_sequence();
  if (!sequence.ok()) return sequence.status();
  ::outrigger::engine::v1::Update update;
  update.set_generation(generation);
  *update.mutable_structure() = compiled.structure;
  *update.mutable_policy() = compiled.policy;
  compiler::remove_health_network(*update.mutable_structure(), *update.mutable_policy());
  v1::HostBundle bundle;
  bundle.set_node(settings_.node);
  bundle.set_generation(generation);
  bundle.set_sequence(*sequence);
  const absl::Time now = settings_.clock();
  bundle.set_not_before(absl::ToUnixSeconds(now));
  bundle.set_not_after(absl::ToUnixSeconds(now + settings_.lifetime));
  bundle.set_update(update.SerializeAsString());
  for (const std::string& service : services_()) bundle.add_services(service);
  bundle.set_fallback_underlay(host_tunnel.bytes());
  for (const auto& [id, name] : compiled.rule_names) (*bundle.mutable_rule_names())[id] = name;
  v1::SignedBundle out;
  out.set_bundle(bundle.SerializeAsString());
  out.set_signature(key_.sign(bundle_message(out.bundle())));
  out.set_key_id(key_.id());
  return out;
}

}  // namespace outrigger::agent
