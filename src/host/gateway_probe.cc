#include "host/gateway_probe.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/descriptor.h"
#include "base/netns.h"
#include "host/keeper.h"

namespace outrigger::host {
namespace {

constexpr uint8_t kIcmpV6 = 58, kSolicitation = 135, kAdvertisement = 136;
constexpr size_t kArp = 14, kIpV6 = 14, kIcmp = kIpV6 + 40;  // where they begin
constexpr size_t kArpFrame = kArp + 28, kSolicitationFrame = kIcmp + 32;

void ethernet(std::vector<uint8_t>& frame, const MacAddress& to, const MacAddress& from, uint16_t type) {
  to.store(&frame[0]);
  from.store(&frame[6]);
  frame[12] = static_cast<uint8_t>(type >> 8);
  frame[13] = static_cast<uint8_t>(type);
}

std::vector<uint8_t> arp_request(const GatewayQuestion& question) {
  std::vector<uint8_t> frame(kArpFrame);
  ethernet(frame, MacAddress::broadcast(), question.mac, ETH_P_ARP);
  const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0, 1};  // Ethernet, IPv4, sizes, request
  std::copy(std::begin(head), std::end(head), &frame[kArp]);
  question.mac.store(&frame[kArp + 8]);
  question.address.store_v4(&frame[kArp + 14]);
  question.gateway.store_v4(&frame[kArp + 24]);
  return frame;
}

// RFC 1071, over the addresses, the length, the protocol and the message.
uint16_t checksum(const std::vector<uint8_t>& frame) {
  const size_t length = frame.size() - kIcmp;
  uint32_t sum = static_cast<uint32_t>(length) + kIcmpV6;
  for (size_t i = kIpV6 + 8; i + 1 < frame.size(); i += 2)
    sum += static_cast<uint32_t>(frame[i] << 8 | frame[i + 1]);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(~sum);
}

std::vector<uint8_t> solicitation(const GatewayQuestion& question) {
  std::vector<uint8_t> frame(kSolicitationFrame);
  std::array<uint8_t, 16> gateway;
  question.gateway.store_v6(gateway.data());
  const std::array<uint8_t, 3> low = {gateway[13], gateway[14], gateway[15]};
  ethernet(frame, {{0x33, 0x33, 0xff, low[0], low[1], low[2]}}, question.mac, ETH_P_IPV6);
  frame[kIpV6] = 0x60;
  frame[kIpV6 + 5] = 32;
  frame[kIpV6 + 6] = kIcmpV6;
  frame[kIpV6 + 7] = 255;
  question.address.store_v6(&frame[kIpV6 + 8]);
  const uint8_t group[] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, low[0], low[1], low[2]};
  std::copy(std::begin(group), std::end(group), &frame[kIpV6 + 24]);
  frame[kIcmp] = kSolicitation;
  std::copy(gateway.begin(), gateway.end(), &frame[kIcmp + 8]);
  frame[kIcmp + 24] = 1;  // source link-layer address, in units of 8 bytes
  frame[kIcmp + 25] = 1;
  question.mac.store(&frame[kIcmp + 26]);
  const uint16_t sum = checksum(frame);
  frame[kIcmp + 2] = static_cast<uint8_t>(sum >> 8);
  frame[kIcmp + 3] = static_cast<uint8_t>(sum);
  return frame;
}

bool ask_here(const std::string& device, const GatewayQuestion& question, absl::Duration patience) {
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(question.gateway.is_v4() ? ETH_P_ARP : ETH_P_IPV6);
  at.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  const Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (at.sll_ifindex == 0 || !socket || bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
    return false;
  const std::vector<uint8_t> frame = question_frame(question);
  if (send(socket.get(), frame.data(), frame.size(), 0) < 0) return false;
  const absl::Duration end = boottime() + patience;
  for (;;) {
    const absl::Duration left = end - boottime();
    pollfd ready{socket.get(), POLLIN, 0};
    if (left <= absl::ZeroDuration() ||
        poll(&ready, 1,
             static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))))) < 0)
      return false;
    std::array<uint8_t, 2048> heard;
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        recvfrom(socket.get(), heard.data(), heard.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0 || from.sll_pkttype == PACKET_OUTGOING) continue;
    if (is_answer(question, {heard.data(), static_cast<size_t>(got)})) return true;
  }
}

}  // namespace

std::optional<GatewayQuestion> question_of(const NetworkWorld& network, const Place& place) {
  if (!place.local) return std::nullopt;
  for (const IpAddress& address : place.addresses) {
    for (const Subnet& subnet : network.subnets) {
      if (subnet.prefix.contains(address)) return GatewayQuestion{place.mac, address, subnet.gateway};
    }
  }
  return std::nullopt;
}

std::vector<uint8_t> question_frame(const GatewayQuestion& question) {
  return question.gateway.is_v4() ? arp_request(question) : solicitation(question);
}

bool is_answer(const GatewayQuestion& question, std::span<const uint8_t> frame) {
  if (question.gateway.is_v4()) {
    return frame.size() >= kArpFrame && frame[12] == 8 && frame[13] == 6 && frame[kArp + 7] == 2 &&
           IpAddress::load_v4(&frame[kArp + 14]) == question.gateway;
  }
  return frame.size() >= kIcmp + 24 && frame[12] == 0x86 && frame[13] == 0xdd &&
         frame[kIpV6 + 6] == kIcmpV6 && frame[kIcmp] == kAdvertisement &&
         IpAddress::load_v6(&frame[kIcmp + 8]) == question.gateway;
}

bool gateway_answers(const std::string& netns, const std::string& device, const GatewayQuestion& question,
                     absl::Duration patience) {
  bool answered = false;
  (void)inside_netns(netns, [&] {
    answered = ask_here(device, question, patience);
    return absl::OkStatus();
  });
  return answered;
}

}  // namespace outrigger::host
