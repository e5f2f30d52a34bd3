#include "engine/remote_engine.h"

#include "absl/strings/str_cat.h"
#include "base/local_socket.h"
#include "engine/engine_messages.h"

namespace outrigger::engine {

absl::StatusOr<std::unique_ptr<RemoteEngine>> RemoteEngine::connect(const std::string& path,
                                                                    const Timeouts& timeouts) {
  auto socket = connect_to(path, SocketKind::kStream);
  if (!socket.ok()) return socket.status();
  return std::unique_ptr<RemoteEngine>(new RemoteEngine(*std::move(socket), timeouts));
}

// A call that failed on the way may still be answered later, to nobody: so the connection ends with it.
absl::StatusOr<v1::EngineReply> RemoteEngine::ask(const v1::EngineCall& call,
                                                  std::chrono::milliseconds timeout) {
  if (!socket_) return absl::UnavailableError("the engine's connection has ended");
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string bytes;
  if (!call.SerializeToString(&bytes) || bytes.size() > kMaxMessage)
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", bytes.size(), " bytes is too large for an engine"));
  absl::Status sent = send_message(socket_.get(), bytes, deadline);
  auto answer =
      sent.ok() ? receive_message(socket_.get(), kMaxMessage, deadline) : absl::StatusOr<std::string>(sent);
  v1::EngineReply reply;
  if (answer.ok() && reply.ParseFromString(*answer)) {
    if (absl::Status status = status_of(reply); !status.ok()) return status;
    return reply;
  }
  socket_.reset();
  if (answer.ok()) return absl::UnavailableError("the engine's answer makes no sense");
  return absl::UnavailableError(absl::StrCat("engine: ", answer.status().message()));
}

absl::StatusOr<RemoteHello> RemoteEngine::hello() {
  v1::EngineCall call;
  call.mutable_hello();
  auto reply = ask(call, timeouts_.call);
  if (!reply.ok()) return reply.status();
  const v1::HelloReply& from = reply->hello();
  RemoteHello to{.version = from.version(),
                 .slot = from.slot(),
                 .role = from.role() <= static_cast<uint32_t>(Role::kLeaving) ? static_cast<Role>(from.role())
                                                                              : Role::kStandby,
                 .pid = from.pid(),
                 .generation = Generation(from.generation()),
                 .applied_for = from.applied_for(),
                 .epoch = Epoch(from.epoch()),
                 .digest = from.digest(),
                 .session_layout = from.session_layout()};
  to.enforced.assign(from.enforced().begin(), from.enforced().end());
  to.not_enforced.assign(from.not_enforced().begin(), from.not_enforced().end());
  return to;
}

absl::Status RemoteEngine::end() {
  v1::EngineCall call;
  call.mutable_end();
  return ask(call, timeouts_.call).status();
}

absl::StatusOr<Epoch> RemoteEngine::apply(std::string_view update) {
  v1::EngineCall call;
  call.set_apply(std::string(update));
  auto reply = ask(call, timeouts_.apply);
  if (!reply.ok()) return reply.status();
  return Epoch(reply->epoch());
}

absl::StatusOr<Explanation> RemoteEngine::explain(std::span<const uint8_t> frame, PortId port,
                                                  TunnelId tunnel) {
  v1::EngineCall call;
  call.mutable_explain()->set_frame(std::string(frame.begin(), frame.end()));
  call.mutable_explain()->set_port(port.value());
  call.mutable_explain()->set_tunnel(tunnel.value());
  auto reply = ask(call, timeouts_.call);
  if (!reply.ok()) return reply.status();
  return from_message(reply->explain());
}

Figures RemoteEngine::figures() {
  v1::EngineCall call;
  call.mutable_figures();
  auto reply = ask(call, timeouts_.call);
  return reply.ok() ? from_message(reply->figures()) : Figures{};
}

std::vector<Session> RemoteEngine::sessions(size_t limit) {
  v1::EngineCall call;
  call.mutable_sessions()->set_limit(limit);
  auto reply = ask(call, timeouts_.call);
  if (!reply.ok()) return {};
  auto sessions = from_message(reply->sessions());
  return sessions.ok() ? *std::move(sessions) : std::vector<Session>{};
}

absl::StatusOr<Echo> RemoteEngine::probe(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                                         unsigned timeout_ms) {
  v1::EngineCall call;
  v1::ProbeCall& probe = *call.mutable_probe();
  probe.set_port(port.value());
  probe.set_frame(std::string(frame.begin(), frame.end()));
  probe.set_mark(mark);
  probe.set_timeout_ms(timeout_ms);
  auto reply = ask(call, timeouts_.call + std::chrono::milliseconds(timeout_ms));
  if (!reply.ok()) return reply.status();
  return from_message(reply->probe());
}

absl::Status RemoteEngine::shadow(bool on) {
  v1::EngineCall call;
  call.mutable_shadow()->set_on(on);
  return ask(call, timeouts_.call).status();
}

ShadowReport RemoteEngine::shadow_report() {
  v1::EngineCall call;
  call.mutable_shadow_report();
  auto reply = ask(call, timeouts_.call);
  return reply.ok() ? from_message(reply->shadow_report()) : ShadowReport{};
}

Role RemoteEngine::role() {
  const auto said = hello();
  return said.ok() ? said->role : Role::kLeaving;
}

}  // namespace outrigger::engine
