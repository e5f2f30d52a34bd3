// Two ways are compared on a machine that drifts: it warms up, its neighbours come and go.  In a block of
// ABBA each way stands once early and once late, so that a steady drift adds the same to both; every other
// block is BAAB, so that neither is always first.  Pure.
#pragma once

#include <vector>

#include "scenario/arm.h"

namespace outrigger::scenario {

struct Turn {
  Arm arm;
  unsigned block = 0, order = 0;  // from 1
};

std::vector<Turn> turns(unsigned blocks);

}  // namespace outrigger::scenario
