#include "audit/wire.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace outrigger::audit {
namespace {

constexpr int kBuffer = 4 << 20;  // bytes, so that a busy guest's own frames push nothing out
constexpr int kSendTries = 50;

absl::StatusOr<Descriptor> open_here(const std::string& device) {
  Descriptor made(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
  if (!made) return absl::ErrnoToStatus(errno, "packet socket");
  setsockopt(made.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(ETH_P_ALL);
  at.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  if (bind(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("packet socket on ", device));
  return made;
}

// -1: nothing there; 0: our own going out.  A VLAN tag that the kernel took off changes nothing behind it.
ssize_t take(int socket, std::span<uint8_t> buffer) {
  sockaddr_ll from{};
  socklen_t size = sizeof from;
  const ssize_t length =
      recvfrom(socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  return length > 0 && from.sll_pkttype == PACKET_OUTGOING ? 0 : length;
}

}  // namespace

bool contains(std::span<const uint8_t> frame, std::span<const uint8_t> pattern) {
  return std::search(frame.begin(), frame.end(), pattern.begin(), pattern.end()) != frame.end();
}

absl::StatusOr<Wire> Wire::open(const Guest& guest) {
  absl::StatusOr<Descriptor> socket = Descriptor();
  const absl::Status status = inside_netns(guest.netns, [&] {
    socket = open_here(guest.device);
    return socket.status();
  });
  if (!status.ok()) return status;
  return Wire(*std::move(socket));
}

bool Wire::send(std::span<const uint8_t> frame) const {
  for (int i = 0; i < kSendTries; ++i) {
    if (::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()))
      return true;
    if (errno != ENOBUFS && errno != EAGAIN) return false;
    pollfd room{socket_.get(), POLLOUT, 0};
    poll(&room, 1, 5);
  }
  return false;
}

void Wire::clear() const {
  std::array<uint8_t, 2048> buffer;
  while (take(socket_.get(), buffer) >= 0) {
  }
}

int Wire::first_of(std::span<const Frame> patterns, Milliseconds patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::array<uint8_t, 9216> buffer;
  for (;;) {
    const ssize_t length = take(socket_.get(), buffer);
    if (length > 0) {
      const std::span<const uint8_t> frame(buffer.data(), static_cast<size_t>(length));
      const auto found = std::find_if(patterns.begin(), patterns.end(),
                                      [frame](const Frame& one) { return contains(frame, one); });
      if (found != patterns.end()) return static_cast<int>(found - patterns.begin());
    }
    const auto left = std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return -1;
    if (length >= 0) continue;
    pollfd ready{socket_.get(), POLLIN, 0};
    poll(&ready, 1, static_cast<int>(left.count()));
  }
}

}  // namespace outrigger::audit
