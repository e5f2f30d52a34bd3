// Any frame, from any place: decide, respond and refuse never crash, say the same twice, and what they send
// is well-formed, goes back to the sender, and is no error about an error.
#include <algorithm>
#include <cstdlib>

#include "services/vswitch/sender.h"
#include "services/vswitch/test_world.h"
#include "services/vswitch/wire.h"

namespace outrigger::vswitch::test {
namespace {

using engine::Decision;
using engine::Step;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Place {
  PortId port;
  TunnelId tunnel;
  MacAddress mac;
  const char* v4;
  const char* v6;
};

Place place(uint8_t choice) {
  switch (choice % 6) {
    case 0:
      return {kWebPort, kNoTunnel, kWeb, "10.1.0.11", "fd00:1::11"};
    case 1:
      return {kRouterPort, kNoTunnel, kRouter, "10.1.0.13", "fd00:1::13"};
    case 2:
      return {kRedPort, kNoTunnel, kRed1, "10.1.0.11", "fe80::ff:fe00:105"};
    case 3:
      return {kUplink, kFromPlain, kPlain, "10.1.0.31", "fd00:1::31"};
    case 4:
      return {kUplink, kFromDpu, kFar, "10.1.0.21", "fd00:1::21"};
    default:
      return {kUplink, kNoTunnel, kFabricMac, "192.0.2.9", "2001:db8::9"};
  }
}

// Right headers around arbitrary bytes, so that the fuzzer reaches what lies behind the checksums.
void wrap(Builder& b, const Place& from, uint8_t choice, std::span<const uint8_t> bytes) {
  const MacAddress group{{0x33, 0x33, 0, 0, 0, 1}};
  const IpAddress own = ip(from.v6);
  switch (choice % 10) {
    case 0:
      b.ethernet(MacAddress::broadcast(), from.mac).ip(ip("0.0.0.0"), ip("255.255.255.255")).udp(68, 67);
      break;
    case 1:
      b.ethernet(kGatewayMac, from.mac).ip(ip(from.v4), ip("10.1.0.1")).udp(68, 67);
      break;
    case 2:
      b.ethernet(group, from.mac).ip(link_local(from.mac), ip("ff02::1:2")).udp(546, 547);
      break;
    case 3:
      b.ethernet(group, from.mac).ip(own, ip("ff02::1"), 255).icmp(bytes.empty() ? 135 : bytes[0], 0);
      break;
    case 4:
      b.ethernet(group, from.mac).ip(ip("::"), ip("ff02::1:ff00:1"), 255).icmp(135, 0);
      break;
    case 5:
      b.ethernet(kGatewayMac, from.mac).ip(ip(from.v4), ip("10.1.1.12")).tcp(4000, 80, packet::kSyn, 1);
      break;
    case 6:
      b.ethernet(kGatewayMac, from.mac).ip(own, ip("fd00:2::12")).tcp(4000, 80, packet::kAck, 1, 2);
      break;
    case 7:
      b.ethernet(kGatewayMac, from.mac).ip(ip(from.v4), ip("10.1.0.1")).icmp(bytes.empty() ? 8 : bytes[0], 0);
      break;
    case 8:
      b.ethernet(kGatewayMac, from.mac).ip(own, ip("fd00:1::1")).icmp(bytes.empty() ? 128 : bytes[0], 0);
      break;
    default:
      b.ethernet(kGatewayMac, from.mac).ip(own, ip("fd00:2::12")).protocol(bytes.empty() ? 0 : bytes[0]);
      break;
  }
  b.payload(bytes);
}

void check_answer(std::span<const uint8_t> answer, const Arrival& arrival) {
  if (answer.empty()) return;
  packet::PacketInfo parsed;
  packet::parse(answer, vni_of(arrival.packet.port, arrival.packet.tunnel), parsed);
  require(parsed.kind != packet::Kind::kMalformed);
  require(parsed.length == answer.size());
  const MacAddress to = ethernet_destination(answer);
  require(to.is_multicast() || arrival.packet.tunnel != kNoTunnel || to == ethernet_source(arrival.frame));
  require(!ethernet_source(answer).is_multicast());
}

Step check_decision(const Arrival& arrival) {
  Decision decision, again;
  const Step step = decide(arrival.packet, table(), decision);
  require(step == decide(arrival.packet, table(), again));
  require(decision.from == again.from && decision.to == again.to &&
          decision.destination == again.destination);
  const bool dropped = step.kind == Step::Kind::kDrop || step.kind == Step::Kind::kRefuse;
  require(dropped == (step.drop != Drop::kNone));
  require((step.kind == Step::Kind::kRefuse) == (step.error != Step::Error::kNone));
  if (step.kind != Step::Kind::kNext) return step;
  require(decision.destination != kNoEndpoint && decision.to.endpoint == decision.destination.value());
  require(decision.source != decision.destination);
  require(arrival.packet.tunnel != kNoTunnel || decision.source != kNoEndpoint);
  require(!arrival.info.l2_multicast);
  return step;
}

// Asked for an answer without being due one, respond must only not crash.
void check_response(const Arrival& arrival, bool due, std::span<uint8_t> out) {
  const size_t size = respond(arrival.packet, table(), out);
  require(size <= out.size());
  if (due) check_answer(out.first(size), arrival);
}

void check_refusals(const Arrival& arrival) {
  using Error = Step::Error;
  std::array<uint8_t, 2048> out;
  for (const Error error : {Error::kTimeExceeded, Error::kNoRoute, Error::kHostUnreachable,
                            Error::kProhibited, Error::kTooBig, Error::kPortUnreachable}) {
    const size_t size = refuse(arrival.packet, table(), error, 1400, out);
    check_answer({out.data(), size}, arrival);
    require(size == 0 || arrival.info.kind == packet::Kind::kFlow);
    require(size <= 14u + (arrival.info.ipv6 ? 1280 : 576));
  }
}

void run(std::span<const uint8_t> input) {
  if (input.size() < 2) return;
  const Place from = place(input[0]);
  const auto bytes = input.subspan(2, std::min<size_t>(input.size() - 2, 3000));
  Bytes frame(bytes.begin(), bytes.end());
  if (input[1] != 0) frame = make([&](Builder& b) { wrap(b, from, input[1], bytes); });
  const Arrival arrival(from.port, from.tunnel, std::move(frame), vni_of(from.port, from.tunnel));
  const bool due = check_decision(arrival).kind == Step::Kind::kRespond;
  std::array<uint8_t, 2048> out;
  check_response(arrival, due, out);
  check_response(arrival, due, std::span(out).first(60));
  check_refusals(arrival);
  std::array<engine::End, 2> ends;
  require(receivers(arrival.packet, table(), ends) <= ends.size());
}

}  // namespace
}  // namespace outrigger::vswitch::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  outrigger::vswitch::test::run({data, size});
  return 0;
}
