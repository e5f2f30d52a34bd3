#include "ports/server.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace outrigger::ports {

namespace {

constexpr size_t kConnections = 64;

void log(const engine::v1::PortsEvent& event) {
  using engine::v1::PortsEvent;
  if (event.kind() == PortsEvent::KEEP || event.kind() == PortsEvent::RELEASE) return;
  spdlog::info("{}: {} slot {} version {} pid {} {:.3f} ms count {} {}", PortsEvent::Kind_Name(event.kind()),
               event.subject(), event.slot(), event.version(), event.pid(), event.milliseconds(),
               event.count(), event.detail());
}

}  // namespace

void Server::serve(int stop) {
  for (;;) {
    std::vector<pollfd> polled = {
        {stop, POLLIN, 0}, {listener_.get(), POLLIN, 0}, {events_.signal(), POLLIN, 0}};
    std::vector<ConnectionId> ids;
    for (const auto& [id, socket] : connections_) {
      polled.push_back({socket.get(), POLLIN, 0});
      ids.push_back(id);
    }
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (polled[i + 3].revents != 0 && !serve_one(ids[i], polled[i + 3].fd)) leave(ids[i]);
    }
    send_events();
    if (polled[1].revents != 0) admit();
  }
}

void Server::admit() {
  Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket || connections_.size() >= kConnections) return;
  const auto peer = peer_of(socket.get());
  if (!peer.ok()) return;
  const bool trusted = peer->uid == 0 || peer->uid == ::geteuid() || peer->uid == options_.agent_uid;
  if (!trusted && peer->uid != options_.engine_uid) {
    spdlog::warn("process {} of user {} is none of ours: refused", peer->pid, peer->uid);
    return;
  }
  const ConnectionId id = ++last_;
  desk_.admit(id, {peer->pid, trusted});
  connections_[id] = std::move(socket);
}

bool Server::serve_one(ConnectionId id, int socket) {
  auto datagram = receive_datagram(socket, std::chrono::steady_clock::now());
  if (absl::IsDeadlineExceeded(datagram.status())) return true;
  if (!datagram.ok()) return false;
  const Answer answer = desk_.handle(id, *std::move(datagram));
  const absl::Status sent = send_datagram(socket, answer.reply.SerializeAsString(), answer.descriptors);
  if (!sent.ok()) spdlog::warn("connection {}: {}", id, std::string(sent.message()));
  return sent.ok() && !answer.close;
}

// A watcher that does not read is let go: it comes back and is told everything again.
void Server::send_events() {
  for (const Event& event : events_.take()) {
    log(event.what);
    engine::v1::PortsReply message;
    *message.mutable_event() = event.what;
    const std::string bytes = message.SerializeAsString();
    std::vector<int> beside;
    if (event.descriptor) beside.push_back(event.descriptor.get());
    std::vector<ConnectionId> lost;
    for (const auto& [id, socket] : connections_) {
      if (desk_.watches(id) && !send_datagram(socket.get(), bytes, beside).ok()) lost.push_back(id);
    }
    for (const ConnectionId id : lost) leave(id);
  }
}

void Server::leave(ConnectionId id) {
  desk_.leave(id);
  connections_.erase(id);
}

}  // namespace outrigger::ports
