#include "scenario/order.h"

namespace outrigger::scenario {

std::vector<Turn> turns(unsigned blocks) {
  std::vector<Turn> all;
  for (unsigned block = 1; block <= blocks; ++block) {
    for (unsigned order = 1; order <= 4; ++order) {
      const bool outer = order == 1 || order == 4;
      all.push_back({outer == (block % 2 == 1) ? Arm::kHost : Arm::kDpu, block, order});
    }
  }
  return all;
}

}  // namespace outrigger::scenario
