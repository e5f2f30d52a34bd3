#include "base/address.h"

#include <arpa/inet.h>

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (size_t i = 0; i < 6; ++i) {
    const char* at = text.data() + 3 * i;
    if (i > 0 && at[-1] != ':') return std::nullopt;
    const auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
    if (error != std::errc() || end != at + 2) return std::nullopt;
  }
  return mac;
}

std::string MacAddress::str() const {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                         bytes[5]);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  uint8_t wire[16];
  if (inet_pton(AF_INET, copy.c_str(), wire) == 1) return load_v4(wire);
  if (inet_pton(AF_INET6, copy.c_str(), wire) == 1) return load_v6(wire);
  return std::nullopt;
}

std::string IpAddress::bytes() const {
  std::string out(16, '\0');
  store_v6(out.data());
  return out;
}

std::optional<IpAddress> IpAddress::from_bytes(std::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  return load_v6(bytes.data());
}

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN];
  uint8_t wire[16];
  if (is_v4()) {
    store_v4(wire);
    return inet_ntop(AF_INET, wire, text, sizeof text);
  }
  store_v6(wire);
  return inet_ntop(AF_INET6, wire, text, sizeof text);
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return host(*address);
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const unsigned limit = address->is_v4() ? 32 : 128;
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || length > limit) {
    return std::nullopt;
  }
  const auto from_128 = static_cast<uint8_t>(length + (128 - limit));
  return IpPrefix{mask(*address, from_128), from_128};
}

std::string IpPrefix::str() const { return absl::StrCat(address.str(), "/", family_length()); }

}  // namespace outrigger
