#include "host/netlink.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace outrigger::host {

void NetlinkMessage::append(const void* data, size_t size) {
  const auto* const from = static_cast<const uint8_t*>(data);
  bytes_.insert(bytes_.end(), from, from + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

NetlinkMessage& NetlinkMessage::add(uint16_t attribute, const void* value, size_t size) {
  const rtattr start{static_cast<uint16_t>(RTA_LENGTH(size)), attribute};
  append(&start, sizeof start);
  append(value, size);
  return *this;
}

NetlinkMessage& NetlinkMessage::add(uint16_t attribute, const IpAddress& address) {
  std::array<uint8_t, 16> wire;
  const bool v4 = address.is_v4();
  v4 ? address.store_v4(wire.data()) : address.store_v6(wire.data());
  return add(attribute, wire.data(), v4 ? 4 : 16);
}

absl::StatusOr<Netlink> Netlink::open() {
  Descriptor made(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!made) return absl::ErrnoToStatus(errno, "netlink socket");
  return Netlink(std::move(made));
}

absl::Status Netlink::send(NetlinkMessage& message, uint16_t flags) {
  nlmsghdr head;
  std::memcpy(&head, message.bytes_.data(), sizeof head);
  head.nlmsg_len = static_cast<uint32_t>(message.bytes_.size());
  head.nlmsg_flags = static_cast<uint16_t>(head.nlmsg_flags | flags);
  head.nlmsg_seq = ++sequence_;
  std::memcpy(message.bytes_.data(), &head, sizeof head);
  if (::send(socket_.get(), message.bytes_.data(), message.bytes_.size(), 0) < 0)
    return absl::ErrnoToStatus(errno, "netlink");
  return absl::OkStatus();
}

bool Netlink::take(const nlmsghdr& head, const std::function<void(const nlmsghdr&)>& each,
                   absl::Status& status) {
  if (head.nlmsg_seq != sequence_) return true;  // of something before
  if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE) {
    int error = 0;
    if (head.nlmsg_len >= NLMSG_LENGTH(sizeof error)) std::memcpy(&error, NLMSG_DATA(&head), sizeof error);
    if (error != 0) status = absl::ErrnoToStatus(-error, "the kernel refuses");
    return false;
  }
  if (each) each(head);
  return true;
}

absl::Status Netlink::receive(const std::function<void(const nlmsghdr&)>& each) {
  alignas(nlmsghdr) std::array<uint8_t, 1 << 16> buffer;
  for (;;) {
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::ErrnoToStatus(got == 0 ? EPIPE : errno, "netlink");
    absl::Status status;
    for (size_t at = 0; at + sizeof(nlmsghdr) <= static_cast<size_t>(got);) {
      const auto& head = *reinterpret_cast<const nlmsghdr*>(buffer.data() + at);
      if (!take(head, each, status)) return status;
      at += NLMSG_ALIGN(std::max<size_t>(head.nlmsg_len, sizeof head));
    }
  }
}

absl::Status Netlink::change(NetlinkMessage message) {
  if (absl::Status status = send(message, NLM_F_ACK); !status.ok()) return status;
  return receive({});
}

absl::Status Netlink::list(NetlinkMessage message, const std::function<void(const nlmsghdr&)>& each) {
  if (absl::Status status = send(message, NLM_F_DUMP); !status.ok()) return status;
  return receive(each);
}

std::span<const uint8_t> attribute(const nlmsghdr& message, size_t head_size, uint16_t type) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&message);
  const auto* one = reinterpret_cast<const rtattr*>(bytes + NLMSG_SPACE(head_size));
  auto left = static_cast<int>(message.nlmsg_len - NLMSG_SPACE(head_size));
  for (; RTA_OK(one, left); one = RTA_NEXT(one, left)) {
    if (one->rta_type == type)
      return {static_cast<const uint8_t*>(RTA_DATA(one)), static_cast<size_t>(RTA_PAYLOAD(one))};
  }
  return {};
}

IpAddress address_in(std::span<const uint8_t> bytes) {
  if (bytes.size() == 4) return IpAddress::load_v4(bytes.data());
  return bytes.size() == 16 ? IpAddress::load_v6(bytes.data()) : IpAddress{};
}

}  // namespace outrigger::host
