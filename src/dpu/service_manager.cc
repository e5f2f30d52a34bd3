#include "dpu/service_manager.h"

#include <systemd/sd-daemon.h>

namespace outrigger::agent::service_manager {

void ready() { (void)sd_notify(0, "READY=1"); }
void alive() { (void)sd_notify(0, "WATCHDOG=1"); }
void stopping() { (void)sd_notify(0, "STOPPING=1"); }

}  // namespace outrigger::agent::service_manager
