// One question to the kernel over netlink, and its answers one by one.
#pragma once

#include <libmnl/libmnl.h>

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace outrigger::inventory {

class Question {
 public:
  // `header` is the number of bytes behind the netlink header; attributes would follow them.
  Question(uint16_t type, uint16_t flags, size_t header);
  [[nodiscard]] void* header() { return header_; }
  nlmsghdr* message() { return reinterpret_cast<nlmsghdr*>(buffer_); }

 private:
  alignas(nlmsghdr) char buffer_[512] = {};
  void* header_;
};

// PermissionDenied: not without CAP_NET_ADMIN.  Unimplemented: this kernel has no such thing.
absl::Status ask(int bus, Question& question, const std::function<void(const nlmsghdr&)>& answer);

using OnAttribute = std::function<void(const nlattr&)>;
// Each attribute behind `header` bytes of the message.
void for_attributes(const nlmsghdr& message, size_t header, const OnAttribute& use);
void for_nested(const nlattr& nest, const OnAttribute& use);

std::string text_of(const nlattr& attribute);  // made printable; "" when it is no string
uint32_t number_of(const nlattr& attribute);   // 4 bytes in the machine's order, else 0
uint32_t be32_of(const nlattr& attribute);

}  // namespace outrigger::inventory
