// What is denied is denied on every path: first packet, cached, after a change in both directions, fragment,
// ICMP error, after expiry.
#include <chrono>
#include <thread>

#include "integration/rig.h"

namespace outrigger::integration {
namespace {

constexpr const char *kWebIp = "10.1.0.11", *kCacheIp = "10.1.0.17", *kFarIp = "10.1.0.21";

class Denied : public Rig {
 protected:
  static Bytes request(uint16_t port) { return udp(kWeb, kCache, kCacheIp, kWebIp, 64, port, 53); }
  static Bytes answer(uint16_t port) { return udp(kCache, kWeb, kWebIp, kCacheIp, 64, 53, port); }
  static Bytes segment(bool from_cache, const Segment& s) {
    return from_cache ? tcp(kWeb, kCache, kCacheIp, kWebIp, s) : tcp(kCache, kWeb, kWebIp, kCacheIp, s);
  }
  void establish(uint16_t port) {
    EXPECT_EQ(passed(kCachePort, segment(true, {port, 80, packet::kSyn, 100, 0}), kWebPort), 1u);
    EXPECT_EQ(passed(kWebPort, segment(false, {80, port, packet::kSyn | packet::kAck, 500, 101}), kCachePort),
              1u);
    EXPECT_EQ(passed(kCachePort, segment(true, {port, 80, packet::kAck, 101, 501}), kWebPort), 1u);
  }
};

TEST_F(Denied, FirstAndCached) {
  close(true, false);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(passed(kCachePort, request(1000), kWebPort), 0u);
  EXPECT_EQ(dropped(Drop::kPolicyIngress), 5u);
  close(false, true);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(passed(kWebPort, answer(1001), kCachePort), 0u);
  EXPECT_EQ(dropped(Drop::kPolicyEgress), 5u);
}

TEST_F(Denied, ARunningUdpFlowBothWaysBeforeItsNextPacket) {
  for (const PortId first : {kCachePort, kWebPort}) {
    const uint16_t port = first == kCachePort ? 1010 : 1011;
    open_again();
    EXPECT_EQ(passed(kCachePort, request(port), kWebPort), 1u);
    EXPECT_EQ(passed(kWebPort, answer(port), kCachePort), 1u);
    close(true, false);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(passed(first, first == kWebPort ? answer(port) : request(port), kWebPort), 0u);
      EXPECT_TRUE(collect(kCachePort).empty());
    }
    EXPECT_EQ(passed(kCachePort, request(port), kWebPort), 0u);
    open_again();
    EXPECT_EQ(passed(kCachePort, request(port), kWebPort), 1u);
  }
}

TEST_F(Denied, ARunningTcpFlowBothWaysBeforeItsNextPacket) {
  for (const bool from_cache : {true, false}) {
    const uint16_t port = from_cache ? 1020 : 1021;
    open_again();
    establish(port);
    close(true, false);
    const Segment forth{port, 80, packet::kAck, 101, 501, 10}, back{80, port, packet::kAck, 501, 101, 10};
    for (int i = 0; i < 2; ++i) {
      send(from_cache ? kCachePort : kWebPort, segment(from_cache, from_cache ? forth : back));
      send(from_cache ? kWebPort : kCachePort, segment(!from_cache, from_cache ? back : forth));
    }
    for (const PortId end : {kWebPort, kCachePort}) EXPECT_TRUE(out_of(end).empty());
    EXPECT_EQ(dropped(Drop::kPolicyIngress), 4u);
  }
}

TEST_F(Denied, AFlowWhosePeerLeavesTheSelector) {
  v1::Policy policy;
  policy.set_replace(true);
  add_class(policy, 1, true, false);
  add_subject(policy, kWebId, 1);
  add_selector(policy, 5, {kCacheId, kFarId});
  *policy.add_add_rules() = allow(1, 1, v1::Rule::INGRESS, 5);
  apply(policy);
  const Bytes far = wrapped(udp(kWeb, kFar, kFarIp, kWebIp, 64, 1030, 53));
  EXPECT_EQ(passed(kCachePort, request(1030), kWebPort), 1u);
  EXPECT_EQ(passed(kUplink, far, kWebPort), 1u);
  v1::Policy relabelled;
  add_selector(relabelled, 5, {});
  apply(relabelled);
  EXPECT_EQ(passed(kWebPort, answer(1030), kCachePort), 0u);
  EXPECT_EQ(passed(kCachePort, request(1030), kWebPort), 0u);
  EXPECT_EQ(passed(kUplink, far, kWebPort), 0u);
}

TEST_F(Denied, FragmentsFirstAndLater) {
  const auto piece = [](uint16_t id, uint16_t offset, bool more) {
    return make([&](Builder& b) {
      b.ethernet(kWeb, kCache).ip(ip(kCacheIp), ip(kWebIp)).fragment(id, offset, more);
      if (offset == 0) {
        b.udp(1040, 53).zeros(40);
      } else {
        b.protocol(packet::kUdp).zeros(32);
      }
    });
  };
  v1::Structure telling = structure();
  telling.mutable_networks(0)->set_reject(true);
  apply(telling);
  close(true, false);
  EXPECT_EQ(passed(kCachePort, piece(1, 0, true), kWebPort), 0u);
  EXPECT_EQ(passed(kCachePort, piece(1, 48, false), kWebPort), 0u);
  EXPECT_EQ(dropped(Drop::kPolicyIngress), 2u);
  EXPECT_EQ(collect(kCachePort).size(), 1u);  // told once: nothing is said about a later piece
  open_again();
  EXPECT_EQ(passed(kCachePort, piece(2, 0, true), kWebPort), 1u);
  close(true, false);
  EXPECT_EQ(passed(kCachePort, piece(2, 48, false), kWebPort), 0u);  // between the pieces
}

TEST_F(Denied, IcmpErrorsOfDeniedFlowsAndOfStrangers) {
  const Bytes flow = answer(1050);  // web to cache
  EXPECT_EQ(passed(kWebPort, flow, kCachePort), 1u);
  EXPECT_EQ(passed(kCachePort, error_about(flow, kWeb, kCache, kCacheIp), kWebPort), 1u);
  // About a flow that does not exist, and about this one from someone who is not on its way.
  EXPECT_EQ(passed(kCachePort, error_about(answer(1051), kWeb, kCache, kCacheIp), kWebPort), 0u);
  EXPECT_EQ(passed(kRouterPort, error_about(flow, kWeb, kRouter, "10.1.0.13"), kWebPort), 0u);
  EXPECT_EQ(dropped(Drop::kIcmpErrorNoSession), 2u);
  close(false, true);
  EXPECT_EQ(passed(kWebPort, flow, kCachePort), 0u);
  EXPECT_EQ(passed(kCachePort, error_about(flow, kWeb, kCache, kCacheIp), kWebPort), 0u);
  close(false, true);  // a new epoch: the error comes before the flow has been looked at again
  open_again();
  EXPECT_EQ(passed(kWebPort, answer(1052), kCachePort), 1u);
  close(false, true);
  EXPECT_EQ(passed(kCachePort, error_about(answer(1052), kWeb, kCache, kCacheIp), kWebPort), 0u);
}

TEST_F(Denied, AfterExpiryAndInTheMiddleOfAConnection) {
  v1::Structure brief = structure();
  brief.mutable_tracking()->set_embryonic_timeout_s(1);
  brief.mutable_tracking()->set_udp_timeout_s(1);
  brief.mutable_tracking()->set_established_timeout_s(1);
  apply(brief);
  establish(1060);
  EXPECT_EQ(passed(kCachePort, request(1060), kWebPort), 1u);
  close(true, false);
  EXPECT_EQ(passed(kCachePort, request(1061), kWebPort), 0u);
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  EXPECT_TRUE(sessions().empty());
  EXPECT_EQ(passed(kCachePort, request(1061), kWebPort), 0u);
  EXPECT_EQ(passed(kCachePort, request(1060), kWebPort), 0u);
  EXPECT_EQ(passed(kCachePort, segment(true, {1060, 80, packet::kAck, 101, 501, 10}), kWebPort), 0u);
  // What web may open it may, but a segment of a connection nobody knows opens nothing.
  EXPECT_EQ(passed(kWebPort, segment(false, {80, 1060, packet::kAck, 501, 101, 10}), kCachePort), 0u);
}

// Who opened it is told by the port that only an opener has.
TEST_F(Denied, AConnectionFromItsMiddleIsJudgedAsItsOpenersWhicheverEndSpeaksFirst) {
  const auto forth = [](uint16_t port) { return segment(true, {port, 80, packet::kAck, 101, 501, 10}); };
  const auto back = [](uint16_t port) { return segment(false, {80, port, packet::kAck, 501, 101, 10}); };
  close(false, true);  // web may open nothing: what cache opened to it lives on
  EXPECT_EQ(passed(kCachePort, forth(40001), kWebPort), 1u);
  EXPECT_EQ(passed(kWebPort, back(40001), kCachePort), 1u);
  EXPECT_EQ(passed(kWebPort, back(40002), kCachePort), 1u);
  EXPECT_EQ(passed(kCachePort, forth(40002), kWebPort), 1u);
  EXPECT_EQ(passed(kWebPort, segment(false, {80, 40003, packet::kSyn | packet::kAck, 501, 101}), kCachePort),
            0u);
  EXPECT_EQ(passed(kWebPort, segment(false, {80, 40003, packet::kSyn, 501, 0}), kCachePort), 0u);
  close(true, false);  // and what cache may not open to web, web's answers do not open either
  EXPECT_EQ(passed(kWebPort, back(40004), kCachePort), 0u);
  EXPECT_EQ(passed(kCachePort, forth(40004), kWebPort), 0u);
  EXPECT_EQ(passed(kWebPort, back(40004), kCachePort), 0u);
  // The ports say nothing: allowed either way round, or not at all.
  EXPECT_EQ(passed(kWebPort, segment(false, {40000, 40005, packet::kAck, 501, 101, 10}), kCachePort), 0u);
  open_again();
  EXPECT_EQ(passed(kWebPort, segment(false, {40000, 40005, packet::kAck, 501, 101, 10}), kCachePort), 1u);
}

// A packet that may not be where it came from changes nothing for the flow it pretends to belong to.
TEST_F(Denied, ASpooferCannotEndAnothersSession) {
  establish(1070);
  apply(structure());  // every session is looked at anew
  Bytes forged = segment(true, {1070, 80, packet::kAck, 101, 501, 10});
  kRouter.store(forged.data() + 6);
  EXPECT_EQ(passed(kRouterPort, forged, kWebPort), 0u);
  EXPECT_EQ(dropped(Drop::kSpoofedAddress) + dropped(Drop::kSessionWrongPort), 1u);
  bool lives = false;
  for (const engine::Session& session : sessions()) {
    lives |= session.key.a_port == 1070 || session.key.b_port == 1070;
  }
  EXPECT_TRUE(lives);
  // The same from another peer's tunnel.
  const Bytes far = udp(kWeb, kFar, kFarIp, kWebIp, 64, 1071, 53);
  EXPECT_EQ(passed(kUplink, wrapped(far), kWebPort), 1u);
  EXPECT_EQ(passed(kUplink, wrapped(far, {.from = ip("192.0.2.3")}), kWebPort), 0u);
  lives = false;
  for (const engine::Session& session : sessions()) {
    lives |= session.key.a_port == 1071 || session.key.b_port == 1071;
  }
  EXPECT_TRUE(lives);
}

}  // namespace
}  // namespace outrigger::integration
