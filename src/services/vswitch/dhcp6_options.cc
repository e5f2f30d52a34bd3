#include "services/vswitch/dhcp6_options.h"

#include <algorithm>

#include "base/bytes.h"

namespace outrigger::vswitch {
namespace {

constexpr size_t kHeader = 4, kOptionHeader = 4;
constexpr size_t kMaxDuid = 130;  // RFC 8415 §11.1: a type and at most 128 bytes

}  // namespace

std::optional<Dhcp6Message> read_dhcp6(Dhcp6Bytes bytes) {
  if (bytes.size() < kHeader) return std::nullopt;
  Dhcp6Message message;
  message.type = static_cast<Dhcp6Type>(bytes[0]);
  message.transaction = bytes.subspan(1, 3);
  message.options = bytes.subspan(kHeader);
  const bool whole = each_dhcp6_option(message.options, [&](uint16_t code, Dhcp6Bytes value) {
    if (code == kClientDuid) message.client_duid = value;
    if (code == kServerDuid) message.server_duid = value;
    message.rapid_commit |= code == kRapidCommit;
    message.has_ia |= code == kIaNa || code == kIaTa || code == kIaPd;
  });
  if (!whole || message.client_duid.size() > kMaxDuid || message.server_duid.size() > kMaxDuid)
    return std::nullopt;
  return message;
}

Dhcp6Writer::Dhcp6Writer(const Dhcp6Message& request, Dhcp6Type type) {
  out_[0] = static_cast<uint8_t>(type);
  std::copy(request.transaction.begin(), request.transaction.end(), out_.begin() + 1);
  at_ = kHeader;
}

bool Dhcp6Writer::option(Dhcp6Code code, Dhcp6Bytes value) {
  const auto begun = begin(code, value);
  if (begun) end(*begun);
  return begun.has_value();
}

void Dhcp6Writer::status(Dhcp6Status status) {
  std::array<uint8_t, 2> wire{};
  store_be16(wire.data(), static_cast<uint16_t>(status));
  option(kStatusCode, wire);
}

std::optional<size_t> Dhcp6Writer::begin(uint16_t code, Dhcp6Bytes fixed) {
  if (at_ + kOptionHeader + fixed.size() > out_.size()) return std::nullopt;
  const size_t begun = at_;
  store_be16(&out_[at_], code);
  at_ += kOptionHeader;
  std::copy(fixed.begin(), fixed.end(), out_.begin() + static_cast<ptrdiff_t>(at_));
  at_ += fixed.size();
  return begun;
}

void Dhcp6Writer::end(size_t begun) {
  store_be16(&out_[begun + 2], static_cast<uint16_t>(at_ - begun - kOptionHeader));
}

}  // namespace outrigger::vswitch
