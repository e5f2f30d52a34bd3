#include "dpu/fallback/adjuster.h"

#include <utility>

namespace outrigger::agent {

using ::outrigger::engine::v1::Update;

std::string Adjuster::adjusted(Update update) const {
  if (update.has_structure()) {
    compiler::apply_fallback(addresses_, in_force_, *update.mutable_structure());
    if (yielded_) compiler::yield(*update.mutable_structure());
  }
  return update.SerializeAsString();
}

absl::StatusOr<Epoch> Adjuster::publish(const std::string& update) {
  Update read;
  if (!read.ParseFromString(update)) return absl::InvalidArgumentError("update: cannot be read");
  const std::lock_guard lock(mutex_);
  absl::StatusOr<Epoch> epoch = apply_(adjusted(read));
  if (!epoch.ok()) return epoch;
  last_.set_generation(read.generation());
  last_.set_digest(read.digest());
  if (read.has_structure()) last_.mutable_structure()->Swap(read.mutable_structure());
  return epoch;
}

absl::Status Adjuster::again() {
  return last_.has_structure() ? apply_(adjusted(last_)).status() : absl::OkStatus();
}

absl::Status Adjuster::set_addresses(compiler::FallbackAddresses addresses) {
  const std::lock_guard lock(mutex_);
  if (addresses == addresses_) return absl::OkStatus();
  std::swap(addresses, addresses_);
  return in_force_.empty() ? absl::OkStatus() : again();
}

absl::Status Adjuster::set_in_force(std::set<std::string> nodes) {
  const std::lock_guard lock(mutex_);
  if (nodes == in_force_) return absl::OkStatus();
  std::swap(nodes, in_force_);
  return again();
}

absl::Status Adjuster::set_yielded(bool yielded) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(yielded_, yielded) == yielded) return absl::OkStatus();
  return again();
}

}  // namespace outrigger::agent
