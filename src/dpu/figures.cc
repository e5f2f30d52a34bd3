#include "dpu/figures.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/health_network.h"
#include "dpu/party.h"

namespace outrigger::agent {

namespace {

using engine::SessionState;

EndpointId endpoint_of(const engine::End& end) {
  return end.endpoint == engine::End::kNoEnd24 ? kNoEndpoint : EndpointId(end.endpoint);
}

// An end names its endpoint only when it routes; for a local one its port tells.
std::string endpoint_name(const engine::End& end, const Names& names) {
  const EndpointId local = end.tunnel == kNoTunnel ? names.endpoint_on(end.port) : kNoEndpoint;
  return names.endpoint(local == kNoEndpoint ? endpoint_of(end) : local);
}

uint64_t bytes(const engine::Session& session, int direction) {
  return uint64_t{session.bytes_high[direction]} << 32 | session.bytes_low[direction];
}

}  // namespace

v1::Drops to_drops(const engine::Figures& figures, const std::string& node, bool all) {
  v1::Drops drops;
  for (size_t i = 1; i < kDropCount; ++i) {
    const uint64_t count = i < figures.drops.size() ? figures.drops[i] : 0;
    if (count == 0 && !all) continue;
    v1::DropCount& one = *drops.add_drops();
    one.set_node(node);
    one.set_reason(std::string(kDrops[i].name));
    one.set_service(std::string(kDrops[i].service));
    one.set_count(count);
    one.set_meaning(std::string(kDrops[i].meaning));
  }
  return drops;
}

v1::Capacities to_capacities(const engine::Figures& figures, const std::string& node) {
  v1::Capacities capacities;
  for (const Capacity& capacity : figures.capacity) {
    v1::CapacityFigure& one = *capacities.add_capacity();
    one.set_node(node);
    one.set_name(capacity.name);
    one.set_size(capacity.size);
    one.set_used(capacity.used);
    one.set_high_water(capacity.high_water);
    one.set_refused(capacity.refused);
    one.set_bytes(capacity.bytes);
  }
  return capacities;
}

namespace {

void add_ports(const engine::Figures& figures, const Names& names, v1::Stats& stats) {
  for (const engine::PortFigures& port : figures.ports) {
    if (port.device == "probe") continue;  // of the health network: nobody's traffic
    v1::PortStats& one = *stats.add_ports();
    one.set_port(port.id.value());
    one.set_endpoint(names.port(port.id));
    one.set_device(port.device);
    one.set_rx_packets(port.rx_packets);
    one.set_rx_bytes(port.rx_bytes);
    one.set_tx_packets(port.tx_packets);
    one.set_tx_bytes(port.tx_bytes);
  }
}

void add_workers(const engine::Figures& figures, v1::Stats& stats) {
  for (const engine::WorkerFigures& worker : figures.workers) {
    v1::WorkerStats& one = *stats.add_workers();
    one.set_worker(worker.worker);
    one.set_turns(worker.turns);
    one.set_busy_turns(worker.busy_turns);
    one.set_packets(worker.packets);
    one.set_decided(worker.decided);
    one.set_redecided(worker.redecided);
    one.set_kept(worker.kept);
    one.set_handed_over(worker.handed_over);
    one.set_answered(worker.answered);
    one.set_sleeps(worker.sleeps);
  }
}

}  // namespace

v1::Stats to_stats(const engine::Figures& figures, const Snapshot& snapshot, const std::string& node) {
  v1::Stats stats;
  stats.set_node(node);
  stats.set_generation(snapshot.generation.value());
  stats.set_applied_generation(figures.generation.value());
  stats.set_epoch(figures.epoch.value());
  uint64_t drops = 0;
  for (const uint64_t count : figures.drops) drops += count;
  stats.set_drops(drops);
  add_ports(figures, snapshot.names, stats);
  add_workers(figures, stats);
  for (const auto& [id, name] : snapshot.compiled.rule_names) {
    if (compiler::is_health(name)) continue;
    v1::RuleStats& one = *stats.add_rules();
    one.set_rule(name);
    one.set_hits(id < figures.rule_hits.size() ? figures.rule_hits[id] : 0);
  }
  return stats;
}

absl::StatusOr<SessionFilter> SessionFilter::parse(const std::string& endpoint, const Snapshot& snapshot) {
  SessionFilter filter;
  if (endpoint.empty()) return filter;
  if (const auto address = IpAddress::parse(endpoint)) {
    filter.addresses_.push_back(IpPrefix::host(*address));
    return filter;
  }
  const absl::StatusOr<const manifest::Endpoint*> found = find_endpoint(endpoint, snapshot);
  if (!found.ok()) return found.status();
  for (const IpAddress& address : (*found)->addresses) filter.addresses_.push_back(IpPrefix::host(address));
  filter.addresses_.insert(filter.addresses_.end(), (*found)->prefixes.begin(), (*found)->prefixes.end());
  if (const auto* network = snapshot.find<manifest::Network>("Network", "", (*found)->network)) {
    filter.vni_ = Vni(network->vni);
  }
  return filter;
}

bool SessionFilter::matches(const engine::Session& session) const {
  if (addresses_.empty()) return true;
  if (vni_ && *vni_ != session.key.vni()) return false;
  return std::any_of(addresses_.begin(), addresses_.end(), [&](const IpPrefix& prefix) {
    return prefix.contains(session.key.a) || prefix.contains(session.key.b);
  });
}

v1::Session to_session(const engine::Session& session, const Snapshot& snapshot, const std::string& node,
                       engine::Tick now) {
  const int from = session.opener & 1;
  const int to = 1 - from;
  const packet::FlowKey& key = session.key;
  v1::Session out;
  out.set_node(node);
  out.set_network(snapshot.names.network(key.vni()));
  out.set_protocol(protocol_name(key.protocol()));
  out.set_source((from == 0 ? key.a : key.b).str());
  out.set_source_port(from == 0 ? key.a_port : key.b_port);
  out.set_destination((from == 0 ? key.b : key.a).str());
  out.set_destination_port(from == 0 ? key.b_port : key.a_port);
  out.set_source_endpoint(endpoint_name(session.end[from], snapshot.names));
  out.set_destination_endpoint(endpoint_name(session.end[to], snapshot.names));
  out.set_state(state_name(session.state));
  out.set_packets(uint64_t{session.packets[0]} + session.packets[1]);
  out.set_bytes(bytes(session, 0) + bytes(session, 1));
  out.set_reply_packets(session.packets[to]);
  out.set_reply_bytes(bytes(session, to));
  out.set_rule(snapshot.names.rule(RuleId(session.rule)));
  const engine::Tick idle = now > session.last_seen ? now - session.last_seen : 0;
  out.set_idle(static_cast<double>(idle) / engine::kTicksPerSecond);
  out.set_epoch(session.epoch);
  if (session.drop != Drop::kNone) out.set_drop(std::string(info(session.drop).name));
  return out;
}

std::string protocol_name(uint8_t protocol) {
  switch (protocol) {
    case packet::kTcp:
      return "tcp";
    case packet::kUdp:
      return "udp";
    case packet::kSctp:
      return "sctp";
    case packet::kIcmp:
      return "icmp";
    case packet::kIcmpV6:
      return "icmpv6";
    default:
      return absl::StrCat(protocol);
  }
}

std::string state_name(SessionState state) {
  switch (state) {
    case SessionState::kFree:
      return "free";
    case SessionState::kWriting:
      return "writing";
    case SessionState::kDenied:
      return "denied";
    case SessionState::kNew:
      return "new";
    case SessionState::kActive:
      return "active";
    case SessionState::kSynSent:
      return "syn_sent";
    case SessionState::kSynReceived:
      return "syn_received";
    case SessionState::kEstablished:
      return "established";
    case SessionState::kFinWait:
      return "fin_wait";
    case SessionState::kClosing:
      return "closing";
    case SessionState::kTimeWait:
      return "time_wait";
    case SessionState::kReset:
      return "reset";
  }
  return "unknown";
}

}  // namespace outrigger::agent
