// DHCPv4 messages as bytes: reading a client's (RFC 2131 §2, RFC 2132), writing a server's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"

namespace outrigger::vswitch {

enum class Dhcp4Type : uint8_t {  // RFC 2132 §9.6
  kNone,
  kDiscover,
  kOffer,
  kRequest,
  kDecline,
  kAck,
  kNak,
  kRelease,
  kInform
};

struct Dhcp4Message {
  std::span<const uint8_t> header;  // the 236 fixed bytes
  Dhcp4Type type = Dhcp4Type::kNone;
  std::optional<IpAddress> requested;  // option 50
  std::optional<IpAddress> server;     // option 54
  std::span<const uint8_t> client_id;  // option 61, without its header
  IpAddress client;                    // ciaddr
  MacAddress mac;                      // chaddr
  bool relayed = false;                // giaddr is set
  bool broadcast = false;              // the client cannot take unicast yet
};

inline constexpr size_t kDhcp4Header = 236;

// nullopt: not an Ethernet client's message, or its options run past its end.
std::optional<Dhcp4Message> read_dhcp4(std::span<const uint8_t> bytes);

// An answer of at most 548 bytes, what every client takes (RFC 2131 §2: a 576-byte datagram).  Options that
// do not fit any more are left out, so the necessary ones go first.
class Dhcp4Writer {
 public:
  Dhcp4Writer(const Dhcp4Message& request, Dhcp4Type type, IpAddress client, IpAddress your);
  void bytes(uint8_t code, std::span<const uint8_t> value);
  void text(uint8_t code, std::string_view value);
  void address(uint8_t code, IpAddress value);
  void word(uint8_t code, uint32_t value);
  void half(uint8_t code, uint16_t value);
  // Ends the options; pads to BOOTP's 300 bytes (RFC 1542 §2.1).
  std::span<const uint8_t> finish();

 private:
  std::array<uint8_t, 548> out_{};
  size_t at_;
};

}  // namespace outrigger::vswitch
