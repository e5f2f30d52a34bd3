#include "dpu/supervise/ports_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/local_socket.h"
#include "base/steady_time.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kPatience = absl::Seconds(5);

SteadyTime in(absl::Duration patience) {
  return std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(patience);
}

}  // namespace

absl::StatusOr<PortsClient> PortsClient::connect(const std::string& socket, Kept& kept) {
  absl::StatusOr<Descriptor> opened = connect_to(socket, SocketKind::kDatagrams);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<PeerProcess> peer = peer_of(opened->get());
  if (!peer.ok()) return peer.status();
  PortsClient client;
  client.socket_ = *std::move(opened);
  client.pid_ = peer->pid;
  client.kept_ = &kept;
  if (absl::Status status = client.watch(); !status.ok()) return status;
  return client;
}

// In parts: a datagram carries so many descriptors and no more.
absl::Status PortsClient::watch() {
  std::vector<std::pair<std::string, int>> all;
  for (const auto& [name, descriptor] : *kept_) all.emplace_back(name, descriptor.get());
  size_t at = 0;
  do {
    engine::v1::PortsCall ask;
    ask.mutable_watch();
    std::vector<int> descriptors;
    for (; at < all.size() && descriptors.size() < kMaxDescriptors; ++at) {
      ask.mutable_watch()->add_kept(all[at].first);
      descriptors.push_back(all[at].second);
    }
    if (absl::Status status = call(std::move(ask), descriptors).status(); !status.ok()) return status;
  } while (at < all.size());
  return absl::OkStatus();
}

void PortsClient::keep(std::vector<Descriptor> descriptors, const engine::v1::PortsEvent& event) {
  if (event.kind() == engine::v1::PortsEvent::KEEP && !descriptors.empty())
    (*kept_)[event.subject()] = std::move(descriptors.front());
  if (event.kind() == engine::v1::PortsEvent::RELEASE) kept_->erase(event.subject());
}

absl::StatusOr<engine::v1::PortsReply> PortsClient::read(absl::Duration patience) {
  absl::StatusOr<Datagram> datagram = receive_datagram(socket_.get(), in(patience));
  if (!datagram.ok()) return datagram.status();
  engine::v1::PortsReply reply;
  if (!reply.ParseFromString(datagram->bytes)) return absl::DataLossError("the ports process sent no reply");
  if (reply.has_event()) {
    keep(std::move(datagram->descriptors), reply.event());
    events_.push_back(reply.event());
  }
  return reply;
}

absl::StatusOr<engine::v1::PortsReply> PortsClient::call(engine::v1::PortsCall call,
                                                         const std::vector<int>& descriptors) {
  if (!socket_) return absl::UnavailableError("the ports process is not there");
  call.set_id(next_++);
  if (absl::Status sent = send_datagram(socket_.get(), call.SerializeAsString(), descriptors); !sent.ok())
    return sent;
  const absl::Time deadline = steady_time() + kPatience;
  for (;;) {
    absl::StatusOr<engine::v1::PortsReply> reply = read(deadline - steady_time());
    if (!reply.ok()) {
      if (absl::IsUnavailable(reply.status())) close();
      return reply.status();
    }
    if (reply->id() != call.id()) continue;
    if (reply->code() == 0) return reply;
    return absl::Status(static_cast<absl::StatusCode>(reply->code()), reply->message());
  }
}

absl::StatusOr<engine::v1::PortsStatus> PortsClient::status() {
  engine::v1::PortsCall ask;
  ask.mutable_status();
  absl::StatusOr<engine::v1::PortsReply> reply = call(std::move(ask), {});
  if (!reply.ok()) return reply.status();
  return std::move(*reply->mutable_status());
}

absl::StatusOr<engine::v1::SwapReply> PortsClient::swap(uint32_t to_slot) {
  engine::v1::PortsCall ask;
  ask.mutable_swap()->set_to_slot(to_slot);
  absl::StatusOr<engine::v1::PortsReply> reply = call(std::move(ask), {});
  if (!reply.ok()) return reply.status();
  return reply->swap();
}

absl::Status PortsClient::remove(uint32_t slot, bool kill) {
  engine::v1::PortsCall ask;
  ask.mutable_remove()->set_slot(slot);
  ask.mutable_remove()->set_kill(kill);
  return call(std::move(ask), {}).status();
}

std::vector<engine::v1::PortsEvent> PortsClient::events() {
  while (socket_) {
    const absl::Status status = read(absl::ZeroDuration()).status();
    if (absl::IsDeadlineExceeded(status)) break;
    if (!status.ok()) close();
  }
  std::vector<engine::v1::PortsEvent> all(std::make_move_iterator(events_.begin()),
                                          std::make_move_iterator(events_.end()));
  events_.clear();
  return all;
}

}  // namespace outrigger::agent
