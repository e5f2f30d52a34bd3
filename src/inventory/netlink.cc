#include "inventory/netlink.h"

#include <sys/time.h>

#include <array>
#include <cerrno>
#include <ctime>

#include "absl/cleanup/cleanup.h"
#include "base/bytes.h"
#include "procfs/printable.h"

namespace outrigger::inventory {

namespace {

constexpr uint32_t kSequence = 1;
constexpr timeval kPatience = {.tv_sec = 2, .tv_usec = 0};

int hand_on(const nlmsghdr* message, void* to) {
  (*static_cast<const std::function<void(const nlmsghdr&)>*>(to))(*message);
  return MNL_CB_OK;
}

int hand_attribute(const nlattr* attribute, void* to) {
  (*static_cast<const OnAttribute*>(to))(*attribute);
  return MNL_CB_OK;
}

absl::Status failed() {
  if (errno == EOPNOTSUPP || errno == EPROTONOSUPPORT || errno == ENOENT || errno == EAFNOSUPPORT)
    return absl::UnimplementedError("this kernel has no such thing");
  return absl::ErrnoToStatus(errno, "netlink");
}

}  // namespace

Question::Question(uint16_t type, uint16_t flags, size_t header) {
  nlmsghdr* message = ::mnl_nlmsg_put_header(buffer_);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | flags;
  message->nlmsg_seq = kSequence;
  header_ = ::mnl_nlmsg_put_extra_header(message, header);
}

absl::Status ask(int bus, Question& question, const std::function<void(const nlmsghdr&)>& answer) {
  mnl_socket* socket = ::mnl_socket_open2(bus, SOCK_CLOEXEC);
  if (socket == nullptr) return failed();
  const absl::Cleanup close = [socket] { (void)::mnl_socket_close(socket); };
  (void)::setsockopt(::mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  if (::mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
      ::mnl_socket_sendto(socket, question.message(), question.message()->nlmsg_len) < 0)
    return failed();
  std::array<char, 32768> buffer;  // as large as a dump's messages come (NLMSG_GOODSIZE)
  for (;;) {
    const ssize_t got = ::mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (got < 0) return failed();
    const auto use = const_cast<std::function<void(const nlmsghdr&)>*>(&answer);
    const int state = ::mnl_cb_run(buffer.data(), static_cast<size_t>(got), kSequence,
                                   ::mnl_socket_get_portid(socket), hand_on, use);
    if (state < 0) return failed();
    if (state == MNL_CB_STOP) return absl::OkStatus();
  }
}

void for_attributes(const nlmsghdr& message, size_t header, const OnAttribute& use) {
  (void)::mnl_attr_parse(&message, static_cast<unsigned>(header), hand_attribute,
                         const_cast<OnAttribute*>(&use));
}

void for_nested(const nlattr& nest, const OnAttribute& use) {
  (void)::mnl_attr_parse_nested(&nest, hand_attribute, const_cast<OnAttribute*>(&use));
}

std::string text_of(const nlattr& attribute) {
  const auto* text = static_cast<const char*>(::mnl_attr_get_payload(&attribute));
  return procfs::printable({text, ::strnlen(text, ::mnl_attr_get_payload_len(&attribute))}, 128);
}

uint32_t number_of(const nlattr& attribute) {
  const bool fits = ::mnl_attr_get_payload_len(&attribute) >= sizeof(uint32_t);
  return fits ? load_raw<uint32_t>(::mnl_attr_get_payload(&attribute)) : 0;
}

uint32_t be32_of(const nlattr& attribute) { return __builtin_bswap32(number_of(attribute)); }

}  // namespace outrigger::inventory
