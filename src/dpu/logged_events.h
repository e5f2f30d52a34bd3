// Events as lines of the log, where no journal is set up.
#pragma once

#include "dpu/journal/events.h"

namespace outrigger::agent {

class LoggedEvents final : public Events {
 public:
  void record(Event event) override;
};

}  // namespace outrigger::agent
