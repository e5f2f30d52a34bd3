#include "services/vswitch/dhcp4_options.h"

#include <algorithm>

#include "base/bytes.h"

namespace outrigger::vswitch {
namespace {

constexpr uint32_t kCookie = 0x63825363;  // RFC 2131 §3
constexpr size_t kOptions = kDhcp4Header + 4, kBootpSize = 300;
constexpr size_t kServerName = 44, kServerNameSize = 64, kFile = 108, kFileSize = 128;
constexpr uint8_t kPad = 0, kRequestedAddress = 50, kOverload = 52, kMessageType = 53, kServerId = 54,
                  kClientId = 61, kEnd = 255;
constexpr uint8_t kBootRequest = 1, kBootReply = 2, kEthernet = 1;

void take(uint8_t code, std::span<const uint8_t> value, Dhcp4Message& message, uint8_t& overload) {
  if (code == kMessageType && value.size() == 1 && value[0] <= 8)
    message.type = static_cast<Dhcp4Type>(value[0]);
  if (code == kRequestedAddress && value.size() == 4) message.requested = IpAddress::load_v4(value.data());
  if (code == kServerId && value.size() == 4) message.server = IpAddress::load_v4(value.data());
  if (code == kClientId && value.size() >= 2) message.client_id = value;
  if (code == kOverload && value.size() == 1) overload = value[0];
}

// False when an option runs past the area.
bool read_area(std::span<const uint8_t> area, Dhcp4Message& message, uint8_t& overload) {
  size_t at = 0;
  while (at < area.size() && area[at] != kEnd) {
    if (area[at] == kPad) {
      ++at;
      continue;
    }
    if (at + 2 > area.size() || at + 2 + area[at + 1] > area.size()) return false;
    take(area[at], area.subspan(at + 2, area[at + 1]), message, overload);
    at += 2u + area[at + 1];
  }
  return true;
}

}  // namespace

std::optional<Dhcp4Message> read_dhcp4(std::span<const uint8_t> bytes) {
  if (bytes.size() < kOptions || load_be32(&bytes[kDhcp4Header]) != kCookie) return std::nullopt;
  if (bytes[0] != kBootRequest || bytes[1] != kEthernet || bytes[2] != 6) return std::nullopt;
  Dhcp4Message message;
  message.header = bytes.first(kDhcp4Header);
  message.broadcast = (bytes[10] & 0x80) != 0;
  message.client = IpAddress::load_v4(&bytes[12]);
  message.relayed = load_be32(&bytes[24]) != 0;
  message.mac = MacAddress::load(&bytes[28]);
  uint8_t overload = 0, ignored = 0;
  if (!read_area(bytes.subspan(kOptions), message, overload)) return std::nullopt;
  // RFC 2132 §9.3: 1 the file field, 2 the server name, 3 both.
  if ((overload & 1) != 0 && !read_area(bytes.subspan(kFile, kFileSize), message, ignored))
    return std::nullopt;
  if ((overload & 2) != 0 && !read_area(bytes.subspan(kServerName, kServerNameSize), message, ignored)) {
    return std::nullopt;
  }
  return message;
}

// RFC 2131 §4.3.1, table 3: xid, flags, giaddr and chaddr are the client's.
Dhcp4Writer::Dhcp4Writer(const Dhcp4Message& request, Dhcp4Type type, IpAddress client, IpAddress your)
    : at_(kOptions) {
  const auto copy = [&](size_t from, size_t size) {
    std::copy_n(request.header.begin() + static_cast<ptrdiff_t>(from), size,
                out_.begin() + static_cast<ptrdiff_t>(from));
  };
  out_[0] = kBootReply;
  out_[1] = kEthernet;
  out_[2] = 6;
  copy(4, 4);
  copy(10, 2);
  client.store_v4(&out_[12]);
  your.store_v4(&out_[16]);
  copy(28, 16);
  store_be32(&out_[kDhcp4Header], kCookie);
  const auto code = static_cast<uint8_t>(type);
  bytes(kMessageType, {&code, 1});
}

void Dhcp4Writer::bytes(uint8_t code, std::span<const uint8_t> value) {
  constexpr size_t kEndOption = 1;
  if (value.empty() || value.size() > 255 || at_ + 2 + value.size() + kEndOption > out_.size()) return;
  out_[at_] = code;
  out_[at_ + 1] = static_cast<uint8_t>(value.size());
  std::copy(value.begin(), value.end(), out_.begin() + static_cast<ptrdiff_t>(at_ + 2));
  at_ += 2 + value.size();
}

void Dhcp4Writer::text(uint8_t code, std::string_view value) {
  bytes(code, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
}

void Dhcp4Writer::address(uint8_t code, IpAddress value) { word(code, value.v4_value()); }

void Dhcp4Writer::word(uint8_t code, uint32_t value) {
  std::array<uint8_t, 4> wire{};
  store_be32(wire.data(), value);
  bytes(code, wire);
}

void Dhcp4Writer::half(uint8_t code, uint16_t value) {
  std::array<uint8_t, 2> wire{};
  store_be16(wire.data(), value);
  bytes(code, wire);
}

std::span<const uint8_t> Dhcp4Writer::finish() {
  out_[at_++] = kEnd;
  return {out_.data(), std::max(at_, kBootpSize)};
}

}  // namespace outrigger::vswitch
