#include "host/netlink.h"

#include <sys/socket.h>

#include <cerrno>
#include <vector>

namespace outrigger::host {

namespace {

constexpr int kTries = 5;

int hand_on(const nlmsghdr* message, void* to) {
  if (const auto& each = *static_cast<const Netlink::Each*>(to); each) each(*message);
  return MNL_CB_OK;
}

struct Search {
  uint16_t type = 0;
  std::span<const uint8_t> found;
};

int look_at(const nlattr* one, void* search) {
  auto& wanted = *static_cast<Search*>(search);
  if (::mnl_attr_get_type(one) != wanted.type) return MNL_CB_OK;
  wanted.found = {static_cast<const uint8_t*>(::mnl_attr_get_payload(one)), ::mnl_attr_get_payload_len(one)};
  return MNL_CB_STOP;
}

}  // namespace

void* NetlinkMessage::begin(uint16_t type, uint16_t flags, size_t head_size) {
  nlmsghdr* message = ::mnl_nlmsg_put_header(bytes_.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  return ::mnl_nlmsg_put_extra_header(message, head_size);
}

NetlinkMessage& NetlinkMessage::add(uint16_t attribute, const void* value, size_t size) {
  fits_ = ::mnl_attr_put_check(head(), bytes_.size(), attribute, size, value) && fits_;
  return *this;
}

NetlinkMessage& NetlinkMessage::add(uint16_t attribute, const IpAddress& address) {
  std::array<uint8_t, 16> wire;
  const bool v4 = address.is_v4();
  v4 ? address.store_v4(wire.data()) : address.store_v6(wire.data());
  return add(attribute, wire.data(), v4 ? 4 : 16);
}

NetlinkMessage& NetlinkMessage::add(uint16_t attribute, const std::string& text) {
  return add(attribute, text.c_str(), text.size() + 1);
}

absl::StatusOr<Netlink> Netlink::open(int bus) {
  Netlink made(bus, ::mnl_socket_open2(bus, SOCK_CLOEXEC));
  if (made.socket_ == nullptr || ::mnl_socket_bind(made.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return absl::ErrnoToStatus(errno, "netlink socket");
  return made;
}

absl::Status Netlink::ask(NetlinkMessage& message, int flags, const Each& each) {
  if (!message.fits_) return absl::InvalidArgumentError("netlink: too long for a message");
  nlmsghdr* const head = message.head();
  head->nlmsg_flags = static_cast<uint16_t>(head->nlmsg_flags | flags);
  head->nlmsg_seq = ++sequence_;
  if (::mnl_socket_sendto(socket_.get(), head, head->nlmsg_len) < 0)
    return absl::ErrnoToStatus(errno, "netlink");
  alignas(nlmsghdr) std::array<char, 1 << 15> buffer;  // as large as a dump's messages come (NLMSG_GOODSIZE)
  for (;;) {
    const ssize_t got = ::mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "netlink");
    const auto& first = *reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (!::mnl_nlmsg_seq_ok(&first, sequence_)) continue;  // of something before
    const int state = ::mnl_cb_run(buffer.data(), static_cast<size_t>(got), sequence_,
                                   ::mnl_socket_get_portid(socket_.get()), hand_on, const_cast<Each*>(&each));
    if (state == MNL_CB_STOP) return absl::OkStatus();
    if (state < 0) return absl::ErrnoToStatus(errno, "the kernel refuses");
  }
}

absl::Status Netlink::change(NetlinkMessage message) { return ask(message, NLM_F_ACK, {}); }

// What changes while it is listed makes the kernel say so (NLM_F_DUMP_INTR): then all is asked for anew, on
// another socket, since this one's list goes on.
absl::Status Netlink::list(NetlinkMessage message, const Each& each) {
  std::vector<std::vector<char>> answers;
  const auto keep = [&answers](const nlmsghdr& one) {
    const auto* const bytes = reinterpret_cast<const char*>(&one);
    answers.emplace_back(bytes, bytes + one.nlmsg_len);
  };
  absl::Status status = ask(message, NLM_F_DUMP, keep);
  for (int tries = 1; tries < kTries && absl::IsUnavailable(status); ++tries) {  // EINTR
    auto anew = open(bus_);
    if (!anew.ok()) return anew.status();
    *this = *std::move(anew);
    answers.clear();
    status = ask(message, NLM_F_DUMP, keep);
  }
  if (!status.ok()) return status;
  for (const std::vector<char>& one : answers) each(*reinterpret_cast<const nlmsghdr*>(one.data()));
  return absl::OkStatus();
}

std::span<const uint8_t> attribute(const nlmsghdr& message, size_t head_size, uint16_t type) {
  Search search{type, {}};
  (void)::mnl_attr_parse(&message, static_cast<unsigned>(head_size), look_at, &search);
  return search.found;
}

IpAddress address_in(std::span<const uint8_t> bytes) {
  if (bytes.size() == 4) return IpAddress::load_v4(bytes.data());
  return bytes.size() == 16 ? IpAddress::load_v6(bytes.data()) : IpAddress{};
}

}  // namespace outrigger::host
