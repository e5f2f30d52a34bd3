#include "engine/engine_messages.h"

#include <array>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "engine/session.h"

namespace outrigger::engine {

namespace {

static_assert(std::is_trivially_copyable_v<Step> && std::is_trivially_copyable_v<Decision> &&
              std::is_trivially_copyable_v<Session>);

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
absl::Status copy_from(const std::string& bytes, const char* what, T& to) {
  if (bytes.size() != sizeof to) {
    return absl::FailedPreconditionError(absl::StrCat("the engine's ", what, " has ", bytes.size(),
                                                      " bytes, ours ", sizeof to, ": it is another build"));
  }
  std::memcpy(&to, bytes.data(), sizeof to);
  return absl::OkStatus();
}

// In the order of the struct; a later version may append.
std::array<uint64_t, 9> counts_of(const WorkerFigures& one) {
  return {one.turns, one.busy_turns,  one.packets,  one.decided, one.redecided,
          one.kept,  one.handed_over, one.answered, one.sleeps};
}

WorkerFigures worker_figures(const v1::WorkerFigure& from) {
  WorkerFigures to{.worker = from.worker()};
  const std::array places = {&to.turns, &to.busy_turns,  &to.packets,  &to.decided, &to.redecided,
                             &to.kept,  &to.handed_over, &to.answered, &to.sleeps};
  for (size_t i = 0; i < places.size() && i < static_cast<size_t>(from.counts_size()); ++i)
    *places[i] = from.counts(static_cast<int>(i));
  return to;
}

void to_message(const Capacity& from, v1::CapacityFigure& to) {
  to.set_name(from.name);
  to.set_size(from.size);
  to.set_used(from.used);
  to.set_high_water(from.high_water);
  to.set_refused(from.refused);
  to.set_bytes(from.bytes);
}

void to_message(const PortFigures& from, v1::PortFigure& to) {
  to.set_id(from.id.value());
  to.set_device(from.device);
  to.set_rx_packets(from.rx_packets);
  to.set_rx_bytes(from.rx_bytes);
  to.set_tx_packets(from.tx_packets);
  to.set_tx_bytes(from.tx_bytes);
}

}  // namespace

void set_status(const absl::Status& status, v1::EngineReply& reply) {
  reply.set_code(static_cast<int>(status.code()));
  reply.set_message(std::string(status.message()));
}

absl::Status status_of(const v1::EngineReply& reply) {
  const bool known =
      reply.code() >= 0 && reply.code() <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return {known ? static_cast<absl::StatusCode>(reply.code()) : absl::StatusCode::kUnknown, reply.message()};
}

void to_message(const Explanation& from, v1::ExplainReply& to) {
  to.set_step(bytes_of(from.step));
  to.set_decision(bytes_of(from.decision));
  to.set_kind(static_cast<uint32_t>(from.kind));
  to.set_epoch(from.epoch.value());
  to.set_generation(from.generation.value());
  if (from.session) to.set_session(bytes_of(*from.session));
}

absl::StatusOr<Explanation> from_message(const v1::ExplainReply& from) {
  Explanation to{.kind = static_cast<packet::Kind>(from.kind()),
                 .epoch = Epoch(from.epoch()),
                 .generation = Generation(from.generation())};
  absl::Status status = copy_from(from.step(), "step", to.step);
  if (status.ok()) status = copy_from(from.decision(), "decision", to.decision);
  if (status.ok() && !from.session().empty())
    status = copy_from(from.session(), "session", to.session.emplace());
  if (!status.ok()) return status;
  return to;
}

void to_message(const Figures& from, v1::FiguresReply& to) {
  to.set_epoch(from.epoch.value());
  to.set_generation(from.generation.value());
  to.mutable_drops()->Add(from.drops.begin(), from.drops.end());
  to.mutable_rule_hits()->Add(from.rule_hits.begin(), from.rule_hits.end());
  for (const PortFigures& one : from.ports) to_message(one, *to.add_ports());
  for (const WorkerFigures& one : from.workers) {
    v1::WorkerFigure& added = *to.add_workers();
    added.set_worker(one.worker);
    for (const uint64_t count : counts_of(one)) added.add_counts(count);
  }
  for (const Capacity& one : from.capacity) to_message(one, *to.add_capacity());
}

Figures from_message(const v1::FiguresReply& from) {
  Figures to{.epoch = Epoch(from.epoch()), .generation = Generation(from.generation())};
  to.drops.assign(from.drops().begin(), from.drops().end());
  to.drops.resize(kDropCount);  // of ours: an engine of another version may know more or fewer reasons
  to.rule_hits.assign(from.rule_hits().begin(), from.rule_hits().end());
  for (const v1::PortFigure& one : from.ports()) {
    to.ports.push_back({PortId(static_cast<uint16_t>(one.id())), one.device(), one.rx_packets(),
                        one.rx_bytes(), one.tx_packets(), one.tx_bytes()});
  }
  for (const v1::WorkerFigure& one : from.workers()) to.workers.push_back(worker_figures(one));
  for (const v1::CapacityFigure& one : from.capacity())
    to.capacity.push_back({one.name(), one.size(), one.used(), one.high_water(), one.refused(), one.bytes()});
  return to;
}

void to_message(const std::vector<Session>& from, v1::SessionsReply& to) {
  to.set_layout(kSessionLayout);
  to.mutable_sessions()->assign(reinterpret_cast<const char*>(from.data()), from.size() * sizeof(Session));
}

absl::StatusOr<std::vector<Session>> from_message(const v1::SessionsReply& from) {
  if (from.layout() != kSessionLayout || from.sessions().size() % sizeof(Session) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the engine's sessions are of layout ", from.layout(), ", ours of ", kSessionLayout));
  }
  std::vector<Session> to(from.sessions().size() / sizeof(Session));
  if (!to.empty()) std::memcpy(static_cast<void*>(to.data()), from.sessions().data(), from.sessions().size());
  return to;
}

void to_message(const Echo& from, v1::ProbeReply& to) {
  to.set_arrived(from.arrived);
  to.set_port(from.port.value());
  to.set_frame(std::string(from.frame.begin(), from.frame.end()));
  to.set_nanoseconds(from.nanoseconds);
  to.set_drop(static_cast<uint32_t>(from.drop));
}

Echo from_message(const v1::ProbeReply& from) {
  Echo to{.arrived = from.arrived(),
          .port = PortId(static_cast<uint16_t>(from.port())),
          .nanoseconds = from.nanoseconds()};
  to.frame.assign(from.frame().begin(), from.frame().end());
  if (from.drop() < kDropCount) to.drop = static_cast<Drop>(from.drop());
  return to;
}

void to_message(const ShadowReport& from, v1::ShadowReportReply& to) {
  to.set_first_packets(from.first_packets);
  to.set_sessions(from.sessions);
  to.set_skipped(from.skipped);
  to.set_different(from.different);
  for (const Difference& one : from.differences) {
    v1::ShadowDifference& added = *to.add_differences();
    added.set_flow(one.flow);
    added.set_active(one.active);
    added.set_shadow(one.shadow);
    added.set_kind(one.kind);
  }
}

ShadowReport from_message(const v1::ShadowReportReply& from) {
  ShadowReport to{.first_packets = from.first_packets(),
                  .sessions = from.sessions(),
                  .skipped = from.skipped(),
                  .different = from.different()};
  for (const v1::ShadowDifference& one : from.differences())
    to.differences.push_back({one.flow(), one.active(), one.shadow(), one.kind()});
  return to;
}

}  // namespace outrigger::engine
