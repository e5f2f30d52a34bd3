// DHCPv6 messages as bytes: reading a client's (RFC 8415 §8, §21), writing a server's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.h"

namespace outrigger::vswitch {

enum class Dhcp6Type : uint8_t {  // RFC 8415 §7.3
  kSolicit = 1,
  kAdvertise = 2,
  kRequest = 3,
  kConfirm = 4,
  kRenew = 5,
  kRebind = 6,
  kReply = 7,
  kRelease = 8,
  kDecline = 9,
  kInformationRequest = 11
};

enum class Dhcp6Status : uint16_t {  // RFC 8415 §21.13
  kSuccess = 0,
  kNoAddrsAvail = 2,
  kNoBinding = 3,
  kNotOnLink = 4,
  kUseMulticast = 5,
  kNoPrefixAvail = 6
};

enum Dhcp6Code : uint16_t {  // RFC 8415 §21
  kClientDuid = 1,
  kServerDuid = 2,
  kIaNa = 3,
  kIaTa = 4,
  kIaAddress = 5,
  kStatusCode = 13,
  kRapidCommit = 14,
  kDnsServers = 23 /* RFC 3646 §3 */,
  kIaPd = 25
};

using Dhcp6Bytes = std::span<const uint8_t>;

// Calls visit(code, value) for each option; false when one runs past the end.
template <typename Visit>
bool each_dhcp6_option(Dhcp6Bytes options, Visit visit) {
  while (!options.empty()) {
    if (options.size() < 4) return false;
    const size_t length = static_cast<size_t>(options[2] << 8 | options[3]);
    if (options.size() < 4 + length) return false;
    visit(static_cast<uint16_t>(options[0] << 8 | options[1]), options.subspan(4, length));
    options = options.subspan(4 + length);
  }
  return true;
}

struct Dhcp6Message {
  Dhcp6Type type{};
  Dhcp6Bytes transaction;  // 3 bytes
  Dhcp6Bytes options;
  Dhcp6Bytes client_duid;  // empty: none given
  Dhcp6Bytes server_duid;
  bool rapid_commit = false;
  bool has_ia = false;
};

// nullopt: too short, options that run past the end, or a DUID longer than there may be.
std::optional<Dhcp6Message> read_dhcp6(Dhcp6Bytes bytes);

// An answer that fits IPv6's least MTU.  What does not fit is left out, whole options at a time.
class Dhcp6Writer {
 public:
  Dhcp6Writer(const Dhcp6Message& request, Dhcp6Type type);
  bool option(Dhcp6Code code, Dhcp6Bytes value);
  void status(Dhcp6Status status);
  // Options inside an option: begin writes code and the fixed part, end fills in the length.
  [[nodiscard]] std::optional<size_t> begin(uint16_t code, Dhcp6Bytes fixed);
  void end(size_t begun);
  [[nodiscard]] Dhcp6Bytes bytes() const { return {out_.data(), at_}; }

 private:
  std::array<uint8_t, 1280 - 40 - 8> out_;
  size_t at_ = 0;
};

}  // namespace outrigger::vswitch
