// The services in the order a first packet meets them: vswitch, policy, overlay.
#pragma once

#include <memory>

#include "engine/tables.h"

namespace outrigger::services {

std::unique_ptr<engine::TableBuilder> make_builder();

}  // namespace outrigger::services
