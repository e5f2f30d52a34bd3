// Services with another opinion about some first packets: how a version that decides differently is made.
#pragma once

#include <functional>
#include <memory>

#include "engine/tables.h"

namespace outrigger::engined {

// Called after the services decided; may change the outcome.
using Opinion = engine::Step (*)(const engine::FirstPacket&, engine::Step, engine::Decision&);

std::unique_ptr<engine::TableBuilder> make_judging(std::unique_ptr<engine::TableBuilder> inner,
                                                   Opinion opinion);

}  // namespace outrigger::engined
