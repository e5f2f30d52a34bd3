// The first move of all: a node whose host has carried its traffic by itself gives it to the DPU.  It is a
// change of version like any other, from "host" to what stands ready on the DPU, so that it is checked,
// watched and gated like any other, and goes back by itself when it does not earn its place.
#pragma once

#include "dpu/fallback/drill.h"
#include "dpu/rollout/rollouts.h"

namespace outrigger::agent {

inline constexpr char kByHost[] = "host";  // the version in force while the host carries

// `on_dpu` is for changes while the DPU carries.  `desk` must outlive it.
Changer handed_over(Changer on_dpu, Desk& desk, Patience patience = {});

}  // namespace outrigger::agent
