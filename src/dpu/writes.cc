#include "dpu/writes.h"

#include <string_view>

namespace outrigger::agent {

namespace {

constexpr std::string_view kBegun = "begun from ";

}  // namespace

absl::Status check_etag(const std::string& what, const std::string& now, const std::string& given) {
  if (given.empty() || given == now) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(what, " has changed since: its etag is ", now, ", not ", given,
                                         ": look again and then decide"));
}

class Writes::Turn {
 public:
  Turn(Writes& owner, const Asked& asked)
      : owner_(owner), key_(asked.id.empty() ? "" : absl::StrCat(asked.actor, "\n", asked.id)) {
    if (key_.empty()) return;
    std::unique_lock lock(owner_.mutex_);
    owner_.over_.wait(lock, [&] { return owner_.under_way_.insert(key_).second; });
  }
  ~Turn() {
    if (key_.empty()) return;
    const std::lock_guard lock(owner_.mutex_);
    owner_.under_way_.erase(key_);
    owner_.over_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Writes& owner_;
  const std::string key_;  // empty: never the same
};

absl::StatusOr<std::string> Writes::once(const Asked& asked, const Act& act) {
  const Turn turn(*this, asked);
  const auto known = answers_.find(asked);
  if (!known.ok()) return known.status();
  const bool cut_short = known->has_value() && (*known)->starts_with(kBegun);
  if (known->has_value() && !cut_short) return **known;
  absl::StatusOr<std::string> made = act(cut_short ? (*known)->substr(kBegun.size()) : "");
  if (made.ok()) answers_.keep(asked, *made);
  return made;
}

void Writes::begin(const Asked& asked, const std::string& before) {
  answers_.keep(asked, absl::StrCat(std::string(kBegun), before));
}

}  // namespace outrigger::agent
