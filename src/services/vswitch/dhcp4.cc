#include "services/vswitch/dhcp4.h"

#include <algorithm>

#include "packet/builder.h"
#include "services/vswitch/dhcp4_options.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using State = VswitchTable::State;

constexpr uint16_t kServerPort = 67, kClientPort = 68;
constexpr size_t kUdpHeader = 8;
constexpr IpAddress kNoAddress = IpAddress::v4(0);
constexpr IpAddress kEverybody = IpAddress::v4(0xffffffff);

// Options, RFC 2132 unless said.
constexpr uint8_t kMask = 1, kRouter = 3, kDns = 6, kHostName = 12, kMtu = 26, kBroadcast = 28, kLease = 51,
                  kServerId = 54, kRenewal = 58, kRebinding = 59, kClientId = 61,
                  kClasslessRoutes = 121;  // RFC 3442
constexpr uint32_t kLeaseSeconds = 86400;  // how soon a client hears of a new MTU or DNS server: half of it

struct Offer {
  IpAddress address;
  const SubnetEntry* subnet = nullptr;
};

// The address asked for when the endpoint has it, else its first; subnet nullptr: it has none to be offered.
Offer choose(const State& state, const Sender& sender, const IpAddress& wanted) {
  Offer offer;
  for (const IpAddress& address : state.addresses_of(*sender.endpoint)) {
    const SubnetEntry* subnet = address.is_v4() ? sender.network->subnet_of(address) : nullptr;
    if (subnet != nullptr && (offer.subnet == nullptr || address == wanted)) offer = {address, subnet};
  }
  return offer;
}

// Width and destination, as many of its bytes as matter, router: RFC 3442.
size_t encode_route(const SubnetEntry* to, const IpAddress& router, uint8_t* out) {
  const unsigned width = to == nullptr ? 0 : to->prefix.family_length();
  const size_t significant = (width + 7) / 8;
  uint8_t destination[4] = {};
  if (to != nullptr) to->prefix.address.store_v4(destination);
  out[0] = static_cast<uint8_t>(width);
  std::copy_n(destination, significant, out + 1);
  router.store_v4(out + 1 + significant);
  return 1 + significant + 4;
}

// A client that takes option 121 ignores option 3, so the default route is in it too; first, as the one
// needed most.
void add_routes(const NetworkEntry& network, const Offer& offer, Dhcp4Writer& writer) {
  constexpr size_t kMaxRoute = 9, kMaxRoutes = 12;
  std::array<uint8_t, kMaxRoute * kMaxRoutes> routes;
  size_t size = encode_route(nullptr, offer.subnet->gateway, routes.data());
  size_t count = 1;
  for (const SubnetEntry& subnet : network.subnets) {
    if (!subnet.prefix.is_v4() || &subnet == offer.subnet || count == kMaxRoutes) continue;
    size += encode_route(&subnet, offer.subnet->gateway, routes.data() + size);
    ++count;
  }
  if (count > 1) writer.bytes(kClasslessRoutes, {routes.data(), size});
}

void add_dns(const NetworkEntry& network, Dhcp4Writer& writer) {
  constexpr size_t kMaxServers = 4;
  std::array<uint8_t, 4 * kMaxServers> servers;
  size_t size = 0;
  for (const IpAddress& server : network.dns) {
    if (!server.is_v4() || size == servers.size()) continue;
    server.store_v4(&servers[size]);
    size += 4;
  }
  writer.bytes(kDns, {servers.data(), size});
}

// RFC 1123 §2.1 letters; anything else is no host name.
void add_host_name(std::string_view name, Dhcp4Writer& writer) {
  constexpr size_t kMaxLabel = 63;
  name = name.substr(name.rfind('/') + 1);
  const bool fit = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (fit && name.size() <= kMaxLabel) writer.text(kHostName, name);
}

void add_times(Dhcp4Writer& writer) {
  writer.word(kLease, kLeaseSeconds);
  writer.word(kRenewal, kLeaseSeconds / 2);
  writer.word(kRebinding, kLeaseSeconds / 8 * 7);  // RFC 2131 §4.4.5
}

void add_configuration(const Sender& sender, const Offer& offer, Dhcp4Writer& writer) {
  const IpPrefix& prefix = offer.subnet->prefix;
  const auto host_bits = static_cast<uint32_t>(0xffffffffULL >> prefix.family_length());
  writer.word(kMask, ~host_bits);
  writer.address(kRouter, offer.subnet->gateway);
  writer.half(kMtu, sender.network->mtu);
  writer.address(kBroadcast, IpAddress::v4(prefix.address.v4_value() | host_bits));
  add_dns(*sender.network, writer);
  add_routes(*sender.network, offer, writer);
  add_host_name(sender.endpoint->name, writer);
}

// What a request is answered with, RFC 2131 §4.3; kNone: nothing.  An address the endpoint has is the one
// offered.
Dhcp4Type verdict(const Dhcp4Message& request, const Offer& offer) {
  const auto known = [&](const IpAddress& address) {
    return address == offer.address ? Dhcp4Type::kAck : Dhcp4Type::kNak;
  };
  switch (request.type) {
    case Dhcp4Type::kDiscover:
      return Dhcp4Type::kOffer;
    case Dhcp4Type::kInform:
      return request.client == offer.address ? Dhcp4Type::kAck : Dhcp4Type::kNone;
    case Dhcp4Type::kRequest:
      break;
    default:
      return Dhcp4Type::kNone;  // a release or decline changes nothing
  }
  if (request.server) {  // selecting: another server was chosen, or we
    const bool ours = *request.server == offer.subnet->gateway;
    return ours && request.requested ? known(*request.requested) : Dhcp4Type::kNone;
  }
  if (!request.client.is_zero()) return known(request.client);              // renewing, rebinding
  return request.requested ? known(*request.requested) : Dhcp4Type::kNone;  // rebooting
}

// RFC 2131 §4.1: where an answer goes.
size_t send(const FirstPacket& packet, const Dhcp4Message& request, const Sender& sender, const Offer& offer,
            bool refused, std::span<const uint8_t> message, std::span<uint8_t> frame) {
  const bool deaf = request.client.is_zero() && request.broadcast;
  const IpAddress to = refused || deaf ? kEverybody : offer.address;
  return packet::Builder(frame)
      .ethernet(to == kEverybody ? MacAddress::broadcast() : ethernet_source(packet.frame),
                sender.network->gateway_mac)
      .ip(offer.subnet->gateway, to)
      .udp(kServerPort, kClientPort)
      .payload(message)
      .finish();
}

}  // namespace

bool dhcp4_names_another(const FirstPacket& packet, const MacAddress& mac) {
  const auto bytes = bytes_from(packet, packet.info.l4_offset + kUdpHeader);
  if (bytes.size() < kDhcp4Header) return false;  // not a message: it gets no answer
  constexpr uint8_t kBootRequest = 1;
  return bytes[0] != kBootRequest || MacAddress::load(&bytes[28]) != mac;
}

size_t answer_dhcp4(const FirstPacket& packet, const State& state, const Sender& sender,
                    std::span<uint8_t> frame) {
  const auto request = read_dhcp4(bytes_from(packet, packet.info.l4_offset + kUdpHeader));
  if (!request || request->relayed || request->mac != sender.endpoint->mac) return 0;
  const IpAddress wanted =
      request->client.is_zero() ? request->requested.value_or(kNoAddress) : request->client;
  const Offer offer = choose(state, sender, wanted);
  if (offer.subnet == nullptr) return 0;
  const Dhcp4Type type = verdict(*request, offer);
  if (type == Dhcp4Type::kNone) return 0;
  const bool refused = type == Dhcp4Type::kNak;
  const bool leased = !refused && request->type != Dhcp4Type::kInform;
  const IpAddress client = type == Dhcp4Type::kAck ? request->client : kNoAddress;
  Dhcp4Writer writer(*request, type, client, leased ? offer.address : kNoAddress);
  writer.address(kServerId, offer.subnet->gateway);
  if (leased) add_times(writer);
  if (!refused) add_configuration(sender, offer, writer);
  writer.bytes(kClientId, request->client_id);  // RFC 6842 §3
  return send(packet, *request, sender, offer, refused, writer.finish(), frame);
}

}  // namespace outrigger::vswitch
