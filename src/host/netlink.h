// The kernel's own words for links, addresses, routes and rules (rtnetlink(7), nf_tables), for what is done
// so often that a process for each would be what it costs.  libmnl writes and reads them; this says what is
// asked and what came of it.  Not thread-safe; speaks for the namespace of the thread that opened it.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace outrigger::host {

class NetlinkMessage {
 public:
  // `head` is what the type wants first: ifinfomsg, ifaddrmsg, rtmsg, nfgenmsg.
  template <typename Head>
  NetlinkMessage(uint16_t type, uint16_t flags, const Head& head) {
    std::memcpy(begin(type, flags, sizeof head), &head, sizeof head);
  }
  NetlinkMessage& add(uint16_t attribute, const void* value, size_t size);
  NetlinkMessage& add(uint16_t attribute, uint32_t value) { return add(attribute, &value, sizeof value); }
  NetlinkMessage& add(uint16_t attribute, const IpAddress& address);
  NetlinkMessage& add(uint16_t attribute, const std::string& text);

 private:
  friend class Netlink;
  void* begin(uint16_t type, uint16_t flags, size_t head_size);
  nlmsghdr* head() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }

  alignas(nlmsghdr) std::array<char, 512> bytes_{};
  bool fits_ = true;
};

class Netlink {
 public:
  using Each = std::function<void(const nlmsghdr&)>;

  static absl::StatusOr<Netlink> open(int bus = NETLINK_ROUTE);
  // Returns when the kernel has done it, or says why not.
  absl::Status change(NetlinkMessage message);
  // Each of those there are, once.
  absl::Status list(NetlinkMessage message, const Each& each);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { (void)::mnl_socket_close(socket); }
  };
  Netlink(int bus, mnl_socket* socket) : bus_(bus), socket_(socket) {}
  absl::Status ask(NetlinkMessage& message, int flags, const Each& each);

  int bus_;
  std::unique_ptr<mnl_socket, Closer> socket_;
  uint32_t sequence_ = 0;
};

// The attribute of a message with a head of `head_size`; empty when it has none.
std::span<const uint8_t> attribute(const nlmsghdr& message, size_t head_size, uint16_t type);
// Of 4 or 16 bytes; zero when it is neither.
IpAddress address_in(std::span<const uint8_t> bytes);

}  // namespace outrigger::host
