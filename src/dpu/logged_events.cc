#include "dpu/logged_events.h"

#include <spdlog/spdlog.h>

namespace outrigger::agent {

void LoggedEvents::record(Event event) {
  const auto level = event.severity >= Severity::kError     ? spdlog::level::err
                     : event.severity == Severity::kWarning ? spdlog::level::warn
                     : event.severity == Severity::kInfo    ? spdlog::level::info
                                                            : spdlog::level::debug;
  spdlog::log(level, "{}: {}", event.service, event.message);
}

}  // namespace outrigger::agent
