#include "services/vswitch/router_advertisement.h"

#include <algorithm>
#include <array>

#include "packet/builder.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

constexpr uint8_t kRouterAdvertisement = 134, kHopLimit = 255;
constexpr uint8_t kSourceLinkLayer = 1, kPrefixInformation = 3, kMtu = 5, kDnsServers = 25;
constexpr uint8_t kManaged = 0x80, kOther = 0x40;  // RFC 4861 §4.2: addresses and the rest from DHCPv6
constexpr uint8_t kOnLink = 0x80;                  // without the autonomous flag
// What is said holds as long as it may (RFC 8319 §4 for the router itself), so that a guest outlives a
// restart of ours.
constexpr uint16_t kRouterLifetime = 65535;
constexpr uint32_t kForever = 0xffffffff;
constexpr size_t kMaxPrefixes = 16, kMaxDns = 8;

// Options one after another in a buffer that holds the most there may be.
class Options {
 public:
  uint8_t* add(uint8_t type, uint8_t eights) {
    uint8_t* at = &bytes_[size_];
    at[0] = type;
    at[1] = eights;
    size_ += eights * 8u;
    return at;
  }
  [[nodiscard]] std::span<const uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  static constexpr size_t kFixed = 8;  // reachable time and retransmission timer: unspecified
  std::array<uint8_t, kFixed + 8 + 8 + 32 * kMaxPrefixes + 8 + 16 * kMaxDns> bytes_{};
  size_t size_ = kFixed;
};

void add_prefixes(const NetworkEntry& network, Options& options) {
  size_t count = 0;
  for (const SubnetEntry& subnet : network.subnets) {
    if (subnet.prefix.is_v4() || count++ == kMaxPrefixes) continue;
    uint8_t* at = options.add(kPrefixInformation, 4);
    at[2] = subnet.prefix.length;
    at[3] = kOnLink;
    store_be32(at + 4, kForever);
    store_be32(at + 8, kForever);
    subnet.prefix.address.store_v6(at + 16);
  }
}

void add_dns(const NetworkEntry& network, Options& options) {
  std::array<IpAddress, kMaxDns> servers;
  uint8_t count = 0;
  for (const IpAddress& server : network.dns) {
    if (!server.is_v4() && count < kMaxDns) servers[count++] = server;
  }
  if (count == 0) return;
  uint8_t* at = options.add(kDnsServers, static_cast<uint8_t>(1 + 2 * count));  // RFC 8106 §5.1
  store_be32(at + 4, kForever);
  for (uint8_t i = 0; i < count; ++i) servers[i].store_v6(at + 8 + 16 * i);
}

}  // namespace

bool advertises_router(const NetworkEntry& network) {
  return std::any_of(network.subnets.begin(), network.subnets.end(),
                     [](const SubnetEntry& subnet) { return !subnet.prefix.is_v4(); });
}

size_t router_advertisement(const NetworkEntry& network, const IpAddress& to, const MacAddress& to_mac,
                            std::span<uint8_t> frame) {
  if (!advertises_router(network)) return 0;
  Options options;
  network.gateway_mac.store(options.add(kSourceLinkLayer, 1) + 2);
  store_be32(options.add(kMtu, 1) + 4, network.mtu);
  add_prefixes(network, options);
  add_dns(network, options);
  constexpr uint32_t kHopLimitOfHosts = 64;
  const uint32_t rest = kHopLimitOfHosts << 24 | uint32_t{kManaged | kOther} << 16 | kRouterLifetime;
  return packet::Builder(frame)
      .ethernet(to_mac, network.gateway_mac)
      .ip(network.gateway_link_local, to, kHopLimit)
      .icmp(kRouterAdvertisement, 0, rest)
      .payload(options.bytes())
      .finish();
}

size_t announce(PortId port, const VswitchTable& table, std::span<uint8_t> frame) {
  const EndpointEntry* const endpoint = table.state().at_port(port);
  if (endpoint == nullptr) return 0;
  return router_advertisement(table.state().network_of(*endpoint), kAllNodes, kAllNodesMac, frame);
}

}  // namespace outrigger::vswitch
