// What systemd wants to know of a Type=notify service with a watchdog; without systemd none of it does
// anything.
#pragma once

namespace outrigger::agent::service_manager {

void ready();
void alive();
void stopping();

}  // namespace outrigger::agent::service_manager
