// The kernel's own words for links, addresses and routes (rtnetlink(7)), for what is done so often that a
// process for each would be what it costs.  Not thread-safe; speaks for the namespace of the thread that
// opened it.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "base/descriptor.h"

namespace outrigger::host {

class NetlinkMessage {
 public:
  // `head` is what the type wants first: ifinfomsg, ifaddrmsg, rtmsg.
  template <typename Head>
  NetlinkMessage(uint16_t type, uint16_t flags, const Head& head) {
    nlmsghdr start{};
    start.nlmsg_type = type;
    start.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    append(&start, sizeof start);
    append(&head, sizeof head);
  }
  NetlinkMessage& add(uint16_t attribute, const void* value, size_t size);
  NetlinkMessage& add(uint16_t attribute, uint32_t value) { return add(attribute, &value, sizeof value); }
  NetlinkMessage& add(uint16_t attribute, const IpAddress& address);

 private:
  friend class Netlink;
  void append(const void* data, size_t size);
  std::vector<uint8_t> bytes_;
};

class Netlink {
 public:
  static absl::StatusOr<Netlink> open();
  // Returns when the kernel has done it, or says why not.
  absl::Status change(NetlinkMessage message);
  // Each of those there are.
  absl::Status list(NetlinkMessage message, const std::function<void(const nlmsghdr&)>& each);

 private:
  explicit Netlink(Descriptor socket) : socket_(std::move(socket)) {}
  absl::Status send(NetlinkMessage& message, uint16_t flags);
  // False: that was the last; `status` is how it ended.
  bool take(const nlmsghdr& head, const std::function<void(const nlmsghdr&)>& each, absl::Status& status);
  absl::Status receive(const std::function<void(const nlmsghdr&)>& each);

  Descriptor socket_;
  uint32_t sequence_ = 0;
};

// The attribute of a message with a head of `Head`; empty when it has none.
std::span<const uint8_t> attribute(const nlmsghdr& message, size_t head_size, uint16_t type);
// Of 4 or 16 bytes; zero when it is neither.
IpAddress address_in(std::span<const uint8_t> bytes);

}  // namespace outrigger::host
