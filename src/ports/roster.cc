#include "ports/roster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/node_memory.h"

namespace outrigger::ports {

namespace {

auto at_slot(uint32_t slot) {
  return [slot](const Member& one) { return one.slot == slot; };
}

}  // namespace

absl::StatusOr<Member> Roster::add(Member member) {
  const std::lock_guard lock(mutex_);
  if (std::any_of(members_.begin(), members_.end(), [&](const Member& one) { return one.pid == member.pid; }))
    return absl::AlreadyExistsError(absl::StrCat("process ", member.pid, " is attached already"));
  for (uint32_t slot = 0; slot < engine::kSlots; ++slot) {
    if (std::any_of(members_.begin(), members_.end(), at_slot(slot))) continue;
    member.slot = slot;
    members_.push_back(member);
    return member;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("all ", engine::kSlots, " slots are taken: end an engine first"));
}

absl::Status Roster::add_foreign(Member member) {
  const std::lock_guard lock(mutex_);
  if (member.slot >= engine::kSlots) return absl::InvalidArgumentError(absl::StrCat("no slot ", member.slot));
  if (std::any_of(members_.begin(), members_.end(), at_slot(member.slot)))
    return absl::AlreadyExistsError(absl::StrCat("slot ", member.slot, " is taken"));
  member.foreign = true;
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

void Roster::set_ready(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  for (Member& one : members_) one.ready |= one.slot == slot;
}

void Roster::remove(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, at_slot(slot));
}

std::optional<Member> Roster::find(uint32_t slot) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(members_.begin(), members_.end(), at_slot(slot));
  return found == members_.end() ? std::nullopt : std::optional(*found);
}

std::vector<Member> Roster::all() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

bool Roster::any_foreign() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(members_.begin(), members_.end(), [](const Member& one) { return one.foreign; });
}

std::optional<Member> Roster::heir(uint32_t dead, const std::function<bool(const Member&)>& fit) const {
  std::optional<Member> first;
  for (const Member& one : all()) {
    if (one.slot == dead || !one.ready || one.foreign) continue;
    if (fit(one)) return one;
    if (!first) first = one;
  }
  return first;
}

}  // namespace outrigger::ports
