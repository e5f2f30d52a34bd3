#include <algorithm>
#include <functional>
#include <utility>

#include "compiler/compiler.h"

namespace outrigger::compiler {

uint32_t IdBook::id(const std::string& name) {
  const auto known = ids_.find(name);
  if (known != ids_.end()) {
    used_[known->second - first_] = round_;
    return known->second;
  }
  uint32_t id = next_;
  if (free_.empty() || next_ < reuse_from_) {
    ++next_;
    used_.push_back(0);
  } else {
    std::pop_heap(free_.begin(), free_.end(), std::greater<>());
    id = free_.back();
    free_.pop_back();
  }
  used_[id - first_] = round_;
  ids_.emplace(name, id);
  return id;
}

void IdBook::begin() { ++round_; }

// Only here do ids become free: a name that goes and one that comes in the same round never share one.
void IdBook::end() {
  for (auto it = ids_.begin(); it != ids_.end();) {
    if (used_[it->second - first_] == round_) {
      ++it;
      continue;
    }
    free_.push_back(it->second);
    std::push_heap(free_.begin(), free_.end(), std::greater<>());
    it = ids_.erase(it);
  }
}

bool IdBook::restore(std::map<std::string, uint32_t> ids, uint32_t next) {
  if (next < first_) return false;
  std::vector<bool> taken(next - first_);
  for (const auto& [name, id] : ids) {
    if (id < first_ || id >= next || taken[id - first_]) return false;
    taken[id - first_] = true;
  }
  ids_ = std::move(ids);
  next_ = next;
  round_ = 0;
  used_.assign(taken.size(), 0);
  free_.clear();
  for (uint32_t i = 0; i < taken.size(); ++i) {
    if (!taken[i]) free_.push_back(first_ + i);  // ascending, so a heap already
  }
  return true;
}

}  // namespace outrigger::compiler
