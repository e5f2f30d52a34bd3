#include "dpu/health/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "packet/drop.h"

namespace outrigger::agent {

namespace {

using Labels = std::vector<std::pair<const char*, std::string>>;

// The families of kMetrics, in its order; a name that is not there is a mistake of this file.
class Families {
 public:
  Families() {
    for (const Metric& metric : kMetrics) {
      prometheus::MetricFamily& made = all_.emplace_back();
      made.name = metric.name;
      made.help = metric.meaning;
      made.type = std::strcmp(metric.type, "counter") == 0 ? prometheus::MetricType::Counter
                                                           : prometheus::MetricType::Gauge;
    }
  }

  void add(const char* name, const Labels& labels, double value) {
    for (prometheus::MetricFamily& family : all_) {
      if (family.name != name) continue;
      prometheus::ClientMetric& one = family.metric.emplace_back();
      for (const auto& [key, text] : labels) {
        prometheus::ClientMetric::Label& label = one.label.emplace_back();
        label.name = key;
        label.value = text;
      }
      one.counter.value = value;
      one.gauge.value = value;
    }
  }

  [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  std::vector<prometheus::MetricFamily> all_;
};

void add_service(const ServiceState& state, uint64_t transitions, Families& to) {
  const std::string& service = state.service;
  for (const Health health :
       {Health::kUnknown, Health::kStarting, Health::kReady, Health::kDegraded, Health::kFailed}) {
    to.add("outrigger_service_health",
           {{"service", service}, {"version", state.version}, {"state", std::string(name(health))}},
           state.health == health ? 1 : 0);
  }
  to.add("outrigger_service_probe_seconds", {{"service", service}, {"probe", state.probe}},
         absl::ToDoubleSeconds(state.latency));
  const auto probes = [&](const char* result, uint64_t count) {
    to.add("outrigger_service_probes_total", {{"service", service}, {"result", result}},
           static_cast<double>(count));
  };
  probes("success", state.succeeded);
  probes("failure", state.failed);
  to.add("outrigger_service_transitions_total", {{"service", service}}, static_cast<double>(transitions));
}

void add_engine(const engine::Figures& from, Families& to) {
  for (size_t i = 1; i < kDropCount && i < from.drops.size(); ++i) {
    to.add("outrigger_drops_total",
           {{"reason", std::string(kDrops[i].name)}, {"service", std::string(kDrops[i].service)}},
           static_cast<double>(from.drops[i]));
  }
  std::map<std::string, Capacity> by_name;  // those of several workers are one table
  for (const Capacity& one : from.capacity) {
    Capacity& sum = by_name[one.name];
    sum.size += one.size;
    sum.used += one.used;
    sum.refused += one.refused;
  }
  for (const auto& [name, one] : by_name) {
    to.add("outrigger_capacity_used", {{"table", name}}, static_cast<double>(one.used));
    to.add("outrigger_capacity_size", {{"table", name}}, static_cast<double>(one.size));
    to.add("outrigger_capacity_refused_total", {{"table", name}}, static_cast<double>(one.refused));
  }
  for (const engine::WorkerFigures& worker : from.workers) {
    to.add("outrigger_worker_packets_total", {{"worker", absl::StrCat(worker.worker)}},
           static_cast<double>(worker.packets));
  }
  for (const engine::PortFigures& port : from.ports) {
    if (port.device == "probe") continue;
    const std::string id = absl::StrCat(port.id.value());
    const auto count = [&](const char* direction, uint64_t packets) {
      to.add("outrigger_port_packets_total",
             {{"port", id}, {"device", port.device}, {"direction", direction}}, static_cast<double>(packets));
    };
    count("receive", port.rx_packets);
    count("transmit", port.tx_packets);
  }
}

void add_host(const HostFigures& from, Families& to) {
  to.add("outrigger_host_windows_total", {}, static_cast<double>(from.windows));
  to.add("outrigger_host_reports_refused_total", {}, static_cast<double>(from.refused));
  if (from.latency_p99 >= 0) to.add("outrigger_host_p99_seconds", {{"of", "application"}}, from.latency_p99);
  if (from.wakeup_p99 >= 0) to.add("outrigger_host_p99_seconds", {{"of", "wakeup"}}, from.wakeup_p99);
}

}  // namespace

std::string metrics_text(const std::string& node, const std::vector<ServiceState>& services, bool ready,
                         const std::map<std::string, uint64_t>& transitions, const NodeFigures& figures) {
  Families to;
  for (const ServiceState& state : services) {
    const auto found = transitions.find(state.service);
    add_service(state, found == transitions.end() ? 0 : found->second, to);
  }
  to.add("outrigger_ready", {{"node", node}}, ready ? 1 : 0);
  add_engine(figures.engine, to);
  to.add("outrigger_generation_desired", {}, static_cast<double>(figures.desired_generation));
  to.add("outrigger_generation_applied", {}, static_cast<double>(figures.applied_generation));
  to.add("outrigger_failovers_total", {}, static_cast<double>(figures.failovers));
  add_host(figures.host, to);
  to.add("outrigger_uptime_seconds", {{"version", figures.version}}, figures.uptime_seconds);
  return to.text();
}

}  // namespace outrigger::agent
