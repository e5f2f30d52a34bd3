#include <algorithm>
#include <functional>

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

}  // namespace outrigger::compiler
