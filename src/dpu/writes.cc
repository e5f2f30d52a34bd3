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

absl::StatusOr<std::string> Writes::once(const Asked& asked, const Act& act) {
  const Turns::Turn turn(turns_, asked.key());
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
