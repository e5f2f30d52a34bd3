#include "engine/engine_server.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "engine/engine_messages.h"
#include "engine/session.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::engine {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using v1::EngineCall;

constexpr milliseconds kTend{100};
constexpr milliseconds kTendShadow{2};   // samples are overwritten after 256 first packets
constexpr milliseconds kPatience{5000};  // with a caller in the middle of a message
constexpr size_t kConnections = 16;

std::span<const uint8_t> frame_of(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

// Generation and digest of an Update without parsing a million rules again.
struct UpdateHead {
  uint64_t generation = 0;
  uint64_t digest = 0;
};

UpdateHead head_of(const std::string& update) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(update.data()),
                                            static_cast<int>(update.size()));
  UpdateHead head;
  while (const uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const bool number = WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_VARINT;
    uint64_t value = 0;
    if (!number) {
      if (!WireFormatLite::SkipField(&in, tag)) break;
      continue;
    }
    if (!in.ReadVarint64(&value)) break;
    if (field == v1::Update::kGenerationFieldNumber) head.generation = value;
    if (field == v1::Update::kDigestFieldNumber) head.digest = value;
  }
  return head;
}

}  // namespace

milliseconds EngineServer::tend_every() const { return shadowing_ ? kTendShadow : kTend; }

void EngineServer::serve(int stop) {
  auto next_tend = steady_clock::now();
  while (!ended_) {
    std::vector<pollfd> polled = {{stop, POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Descriptor& one : connections_) polled.push_back({one.get(), POLLIN, 0});
    const auto wait = std::chrono::ceil<milliseconds>(next_tend - steady_clock::now()).count();
    (void)::poll(polled.data(), polled.size(), static_cast<int>(std::clamp<int64_t>(wait, 0, kTend.count())));
    if (polled[0].revents != 0) return;
    size_t at = 2;
    for (auto one = connections_.begin(); one != connections_.end(); ++at)
      one = polled[at].revents == 0 || serve_one(one->get()) ? std::next(one) : connections_.erase(one);
    if (polled[1].revents != 0) admit();
    if (steady_clock::now() < next_tend) continue;
    engine_.tend();
    next_tend = steady_clock::now() + tend_every();
  }
}

void EngineServer::admit() {
  Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket || connections_.size() >= kConnections) return;
  const auto peer = peer_of(socket.get());
  if (!peer.ok()) return;
  const bool ours = peer->uid == 0 || peer->uid == ::geteuid();
  if (ours || std::find(allowed_.begin(), allowed_.end(), peer->uid) != allowed_.end())
    connections_.push_back(std::move(socket));
}

bool EngineServer::serve_one(int socket) {
  const auto message = receive_message(socket, kMaxMessage, steady_clock::now() + kPatience);
  if (!message.ok()) return false;
  const v1::EngineReply reply = answer(*message);
  return send_message(socket, reply.SerializeAsString(), steady_clock::now() + kPatience).ok();
}

v1::EngineReply EngineServer::answer(const std::string& message) {
  EngineCall call;
  v1::EngineReply reply;
  if (call.ParseFromString(message)) {
    answer(call, reply);
  } else {
    set_status(absl::InvalidArgumentError("not an outrigger.engine.v1.EngineCall"), reply);
  }
  return reply;
}

void EngineServer::answer(const EngineCall& call, v1::EngineReply& reply) {
  absl::Status status;
  switch (call.call_case()) {
    case EngineCall::kHello:
      hello(*reply.mutable_hello());
      break;
    case EngineCall::kApply:
      status = apply(call.apply(), reply);
      break;
    case EngineCall::kExplain:
      status = explain(call.explain(), reply);
      break;
    case EngineCall::kFigures:
      to_message(engine_.figures(), *reply.mutable_figures());
      break;
    case EngineCall::kSessions:
      to_message(engine_.sessions(call.sessions().limit()), *reply.mutable_sessions());
      break;
    case EngineCall::kProbe:
      status = probe(call.probe(), reply);
      break;
    case EngineCall::kShadow:
      status = shadow(call.shadow().on());
      break;
    case EngineCall::kShadowReport:
      to_message(engine_.shadow_report(), *reply.mutable_shadow_report());
      break;
    case EngineCall::kEnd:
      ended_ = true;
      break;
    case EngineCall::CALL_NOT_SET:
      status = absl::UnimplementedError("a call this engine does not know");
  }
  if (!status.ok()) set_status(status, reply);
}

absl::Status EngineServer::apply(const std::string& update, v1::EngineReply& reply) {
  auto epoch = engine_.apply(update);
  if (!epoch.ok()) return epoch.status();
  const UpdateHead head = head_of(update);
  epoch_ = epoch->value();
  generation_ = head.generation;
  digest_ = head.digest;
  applied_ = steady_clock::now();
  reply.set_epoch(epoch_);
  return absl::OkStatus();
}

absl::Status EngineServer::explain(const v1::ExplainCall& call, v1::EngineReply& reply) {
  if (call.port() > UINT16_MAX || call.tunnel() > UINT16_MAX)
    return absl::NotFoundError("no such port or tunnel");
  auto explanation = engine_.explain(frame_of(call.frame()), PortId(static_cast<uint16_t>(call.port())),
                                     TunnelId(static_cast<uint16_t>(call.tunnel())));
  if (explanation.ok()) to_message(*explanation, *reply.mutable_explain());
  return explanation.status();
}

absl::Status EngineServer::probe(const v1::ProbeCall& call, v1::EngineReply& reply) {
  if (call.port() > UINT16_MAX) return absl::NotFoundError("no such port");
  const unsigned patience = std::min<unsigned>(call.timeout_ms(), static_cast<unsigned>(kPatience.count()));
  auto echo = engine_.probe(PortId(static_cast<uint16_t>(call.port())), frame_of(call.frame()), call.mark(),
                            patience);
  if (echo.ok()) to_message(*echo, *reply.mutable_probe());
  return echo.status();
}

absl::Status EngineServer::shadow(bool on) {
  absl::Status status = engine_.shadow(on);
  if (status.ok()) shadowing_ = on;
  return status;
}

void EngineServer::hello(v1::HelloReply& reply) {
  reply.set_version(identity_.version);
  reply.set_slot(identity_.slot);
  reply.set_role(static_cast<uint32_t>(engine_.role()));
  reply.set_pid(::getpid());
  reply.set_generation(generation_);
  if (applied_ != SteadyTime{})
    reply.set_applied_for(std::chrono::duration<double>(steady_clock::now() - applied_).count());
  reply.set_epoch(epoch_);
  for (const std::string& one : identity_.enforced) reply.add_enforced(one);
  for (const std::string& one : identity_.not_enforced) reply.add_not_enforced(one);
  reply.set_session_layout(kSessionLayout);
  reply.set_digest(digest_);
}

}  // namespace outrigger::engine
