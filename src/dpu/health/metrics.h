// What a Prometheus scrape gets.  Every family is declared here once, with its meaning; docs/reference names
// them from this list. Pure.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "dpu/health/health_board.h"
#include "engine/engine.h"

namespace outrigger::agent {

// What the host measured last; < 0: nothing.
struct HostFigures {
  uint64_t windows = 0, refused = 0;         // windows taken, reports refused
  double latency_p99 = -1, wakeup_p99 = -1;  // seconds
};

// Beside health: what the agent fills in for each scrape.
struct NodeFigures {
  engine::Figures engine;
  uint64_t desired_generation = 0;
  uint64_t applied_generation = 0;
  uint64_t failovers = 0;
  double uptime_seconds = 0;
  std::string version;
  HostFigures host;
};

struct Metric {
  const char* name;
  const char* type;  // "gauge" or "counter"
  const char* meaning;
};

inline constexpr std::array kMetrics = {
    Metric{"outrigger_service_health", "gauge", "1 for the state a service is in, 0 for the others"},
    Metric{"outrigger_service_probe_seconds", "gauge", "time the last probe took"},
    Metric{"outrigger_service_probes_total", "counter", "probes by result: success, failure"},
    Metric{"outrigger_service_transitions_total", "counter", "changes of a service's health"},
    Metric{"outrigger_ready", "gauge", "1 when every service that has something to probe is ready"},
    Metric{"outrigger_drops_total", "counter", "packets dropped, by reason"},
    Metric{"outrigger_capacity_used", "gauge", "entries in use of a table or pool"},
    Metric{"outrigger_capacity_size", "gauge", "entries a table or pool can hold"},
    Metric{"outrigger_capacity_refused_total", "counter", "requests turned down for want of room"},
    Metric{"outrigger_generation_desired", "gauge", "generation of the desired state"},
    Metric{"outrigger_generation_applied", "gauge", "generation the engine has applied"},
    Metric{"outrigger_failovers_total", "counter", "times another engine took over unplanned"},
    Metric{"outrigger_worker_packets_total", "counter", "packets a worker has handled"},
    Metric{"outrigger_port_packets_total", "counter", "packets through a port, by direction"},
    Metric{"outrigger_host_windows_total", "counter", "windows that the host measured and reported"},
    Metric{"outrigger_host_reports_refused_total", "counter", "reports of the host that were malformed"},
    Metric{"outrigger_host_p99_seconds", "gauge", "of the host's newest window: application, wakeup"},
    Metric{"outrigger_uptime_seconds", "gauge", "since the agent started"},
};

// The text format 0.0.4.
std::string metrics_text(const std::string& node, const std::vector<ServiceState>& services, bool ready,
                         const std::map<std::string, uint64_t>& transitions, const NodeFigures& figures);

}  // namespace outrigger::agent
