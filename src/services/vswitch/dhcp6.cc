#include "services/vswitch/dhcp6.h"

#include <algorithm>

#include "packet/builder.h"
#include "services/vswitch/dhcp6_options.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch {
namespace {

using engine::FirstPacket;
using State = VswitchTable::State;

constexpr uint16_t kServerPort = 547, kClientPort = 546;
constexpr size_t kUdpHeader = 8;
constexpr uint32_t kPreferred = 43200, kValid = 86400;  // seconds; addresses stay, servers may change
constexpr uint32_t kRenewAfter = kPreferred / 2, kRebindAfter = kPreferred / 5 * 4;  // RFC 8415 §21.4

using Duid = std::array<uint8_t, 10>;

// RFC 8415 §11.4: by link-layer address, Ethernet.  The gateway's MAC is every node's, and so is the server.
Duid server_duid(const NetworkEntry& network) {
  Duid duid = {0, 3, 0, 1};
  network.gateway_mac.store(&duid[4]);
  return duid;
}

// RFC 8415 §16: what a server discards without an answer.
bool is_valid(const Dhcp6Message& message, Dhcp6Bytes us) {
  const bool client = !message.client_duid.empty();
  const bool no_server = message.server_duid.empty();
  const bool for_us =
      std::equal(us.begin(), us.end(), message.server_duid.begin(), message.server_duid.end());
  switch (message.type) {
    case Dhcp6Type::kSolicit:
    case Dhcp6Type::kConfirm:
    case Dhcp6Type::kRebind:
      return client && no_server;
    case Dhcp6Type::kRequest:
    case Dhcp6Type::kRenew:
    case Dhcp6Type::kRelease:
    case Dhcp6Type::kDecline:
      return client && for_us;
    case Dhcp6Type::kInformationRequest:
      return !message.has_ia && (no_server || for_us);
    default:
      return false;
  }
}

bool goes_by_multicast_only(Dhcp6Type type) {
  return type == Dhcp6Type::kSolicit || type == Dhcp6Type::kConfirm || type == Dhcp6Type::kRebind ||
         type == Dhcp6Type::kInformationRequest;
}

bool is_offered(const IpAddress& address) { return !address.is_v4() && !address.is_link_local(); }

class Answer {
 public:
  Answer(const Dhcp6Message& request, const State& state, const Sender& sender, Dhcp6Type type)
      : request_(request), state_(state), sender_(sender), writer_(request, type) {
    const Duid us = server_duid(*sender.network);
    writer_.option(kServerDuid, us);
    if (!request.client_duid.empty()) writer_.option(kClientDuid, request.client_duid);
  }

  void identity_associations() {
    each_dhcp6_option(request_.options, [this](uint16_t code, Dhcp6Bytes value) {
      if (code == kIaNa && value.size() >= kIaNaFixed) addresses(value);
      if (code == kIaTa && value.size() >= kIaTaFixed)
        nothing(code, value.first(kIaTaFixed), Dhcp6Status::kNoAddrsAvail);
      if (code == kIaPd && value.size() >= kIaNaFixed)
        nothing(code, value.first(kIaNaFixed), Dhcp6Status::kNoPrefixAvail);
    });
  }

  void dns() {
    constexpr size_t kMaxServers = 8;
    std::array<uint8_t, 16 * kMaxServers> servers;
    size_t size = 0;
    for (const IpAddress& server : sender_.network->dns) {
      if (server.is_v4() || size == servers.size()) continue;
      server.store_v6(&servers[size]);
      size += 16;
    }
    if (size > 0) writer_.option(kDnsServers, {servers.data(), size});
  }

  // RFC 8415 §18.3.3: nullopt when the client names no address to confirm.
  std::optional<Dhcp6Status> confirmed() const {
    bool any = false, on_link = true;
    each_dhcp6_option(request_.options, [&](uint16_t code, Dhcp6Bytes value) {
      const size_t fixed = code == kIaNa ? kIaNaFixed : kIaTaFixed;
      if ((code != kIaNa && code != kIaTa) || value.size() < fixed) return;
      each_claimed(value.subspan(fixed), [&](const IpAddress& address) {
        any = true;
        on_link &= !address.is_v4() && sender_.network->subnet_of(address) != nullptr;
      });
    });
    if (!any) return std::nullopt;
    return on_link ? Dhcp6Status::kSuccess : Dhcp6Status::kNotOnLink;
  }

  Dhcp6Writer& writer() { return writer_; }

 private:
  static constexpr size_t kIaNaFixed = 12, kIaTaFixed = 4;

  template <typename Visit>
  static void each_claimed(Dhcp6Bytes options, Visit visit) {
    each_dhcp6_option(options, [&](uint16_t code, Dhcp6Bytes value) {
      if (code == kIaAddress && value.size() >= 24) visit(IpAddress::load_v6(value.data()));
    });
  }

  // The endpoint's addresses go into the first IA_NA; lifetimes of zero take back others the client believes
  // in.
  void addresses(Dhcp6Bytes ia) {
    const auto own = state_.addresses_of(*sender_.endpoint);
    const bool any = std::any_of(own.begin(), own.end(), is_offered);
    if (given_ || !any) return nothing(kIaNa, ia.first(kIaNaFixed), Dhcp6Status::kNoAddrsAvail);
    given_ = true;
    std::array<uint8_t, kIaNaFixed> fixed{};
    std::copy_n(ia.begin(), 4, fixed.begin());  // IAID
    store_be32(&fixed[4], kRenewAfter);
    store_be32(&fixed[8], kRebindAfter);
    const auto begun = writer_.begin(kIaNa, fixed);
    if (!begun) return;
    for (const IpAddress& address : own) {
      if (is_offered(address)) add(address, kPreferred, kValid);
    }
    const bool extends = request_.type == Dhcp6Type::kRenew || request_.type == Dhcp6Type::kRebind;
    if (extends) {
      each_claimed(ia.subspan(kIaNaFixed), [&](const IpAddress& address) {
        if (std::find(own.begin(), own.end(), address) == own.end()) add(address, 0, 0);
      });
    }
    writer_.end(*begun);
  }

  void add(const IpAddress& address, uint32_t preferred, uint32_t valid) {
    std::array<uint8_t, 24> value{};
    address.store_v6(value.data());
    store_be32(&value[16], preferred);
    store_be32(&value[20], valid);
    writer_.option(kIaAddress, value);
  }

  void nothing(uint16_t code, Dhcp6Bytes fixed, Dhcp6Status status) {
    std::array<uint8_t, kIaNaFixed> zeroed{};  // T1 and T2 of nothing
    std::copy_n(fixed.begin(), 4, zeroed.begin());
    const auto begun = writer_.begin(code, Dhcp6Bytes(zeroed).first(fixed.size()));
    if (!begun) return;
    writer_.status(status);
    writer_.end(*begun);
  }

  const Dhcp6Message& request_;
  const State& state_;
  const Sender& sender_;
  Dhcp6Writer writer_;
  bool given_ = false;
};

Dhcp6Type answer_type(const Dhcp6Message& request) {
  return request.type == Dhcp6Type::kSolicit && !request.rapid_commit ? Dhcp6Type::kAdvertise
                                                                      : Dhcp6Type::kReply;
}

// RFC 8415 §18.3, a message type at a time.  False: no answer.
bool fill(const Dhcp6Message& request, bool unicast, Answer& answer) {
  if (unicast) {  // RFC 8415 §18.4: never offered
    answer.writer().status(Dhcp6Status::kUseMulticast);
    return true;
  }
  switch (request.type) {
    case Dhcp6Type::kSolicit:
      if (request.rapid_commit) answer.writer().option(kRapidCommit, {});
      [[fallthrough]];
    case Dhcp6Type::kRequest:
    case Dhcp6Type::kRenew:
    case Dhcp6Type::kRebind:
      answer.identity_associations();
      break;
    case Dhcp6Type::kConfirm: {
      const auto status = answer.confirmed();
      if (!status) return false;
      answer.writer().status(*status);
      return true;
    }
    case Dhcp6Type::kRelease:
    case Dhcp6Type::kDecline:
      answer.writer().status(Dhcp6Status::kSuccess);
      return true;
    default:
      break;
  }
  answer.dns();
  return true;
}

}  // namespace

size_t answer_dhcp6(const FirstPacket& packet, const State& state, const Sender& sender,
                    std::span<uint8_t> frame) {
  const auto request = read_dhcp6(bytes_from(packet, packet.info.l4_offset + kUdpHeader));
  if (!request || !is_valid(*request, server_duid(*sender.network))) return 0;
  const bool unicast = !packet.info.destination().is_multicast();
  if (unicast && goes_by_multicast_only(request->type)) return 0;
  if (packet.info.source().is_zero()) return 0;
  Answer answer(*request, state, sender, answer_type(*request));
  if (!fill(*request, unicast, answer)) return 0;
  return packet::Builder(frame)
      .ethernet(ethernet_source(packet.frame), sender.network->gateway_mac)
      .ip(sender.network->gateway_link_local, packet.info.source())
      .udp(kServerPort, kClientPort)
      .payload(answer.writer().bytes())
      .finish();
}

}  // namespace outrigger::vswitch
