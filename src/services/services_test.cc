// A first packet through vswitch, policy and overlay: who is judged, on which side, and where it goes.
#include "services/services_fixture.h"

namespace outrigger::services::test {
namespace {

constexpr const char *kWebIp = "10.1.0.11", *kDbIp = "10.1.1.12", *kCacheIp = "10.1.0.17",
                     *kFarIp = "10.1.0.21", *kPlainIp = "10.1.0.31";

class ServicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(node.apply(reachable_world()).ok());
    dpu = node.tunnel_from("192.0.2.2");
    plain = node.tunnel_from("192.0.2.3");
    ASSERT_NE(dpu, kNoTunnel);
    ASSERT_NE(plain, kNoTunnel);
  }
  // Class 1 with the isolation given, for one endpoint, and rules.
  void isolate(EndpointId endpoint, bool ingress, bool egress, const std::vector<v1::Rule>& rules = {}) {
    v1::Policy policy;
    v1::Class* entry = add_class(policy, 1, ingress, egress);
    entry->set_ingress_default_rule(100);
    entry->set_egress_default_rule(101);
    add_subject(policy, endpoint, 1);
    for (const v1::Rule& rule : rules) *policy.add_add_rules() = rule;
    ASSERT_TRUE(node.apply(policy).ok());
  }

  Node node;
  TunnelId dpu, plain;
};

TEST_F(ServicesTest, LocalToLocalIsBridgedOrRouted) {
  const Verdict bridged = node.decide(kWebPort, kNoTunnel, udp(kCache, kWeb, kWebIp, kCacheIp));
  EXPECT_EQ(bridged.step, Step::next());
  EXPECT_EQ(bridged.decision.to.port, kCachePort);
  EXPECT_EQ(bridged.decision.to.tunnel, kNoTunnel);
  EXPECT_FALSE(bridged.decision.to.routed);
  EXPECT_TRUE(bridged.decision.egress.judged);
  EXPECT_TRUE(bridged.decision.ingress.judged);
  const Verdict routed = node.decide(kWebPort, kNoTunnel, udp(kGatewayMac, kWeb, kWebIp, kDbIp));
  EXPECT_EQ(routed.step, Step::next());
  EXPECT_EQ(routed.decision.to.port, kDbPort);
  EXPECT_TRUE(routed.decision.to.routed);
  EXPECT_EQ(node.tables().actions->rewrites[routed.decision.to.endpoint].destination, kDb);
  EXPECT_EQ(node.tables().actions->rewrites[routed.decision.to.endpoint].source, kGatewayMac);
}

TEST_F(ServicesTest, LocalToRemoteIsJudgedHereForEgressAlone) {
  const Verdict out = node.decide(kWebPort, kNoTunnel, udp(kFar, kWeb, kWebIp, kFarIp));
  EXPECT_EQ(out.step, Step::next());
  EXPECT_EQ(out.decision.to.port, kUplink);
  EXPECT_EQ(out.decision.to.tunnel, dpu);
  EXPECT_TRUE(out.decision.egress.judged);
  EXPECT_FALSE(out.decision.ingress.judged);
  EXPECT_EQ(out.decision.mtu, 1450);
}

TEST_F(ServicesTest, RemoteToLocalIsJudgedHereForIngressAlone) {
  const Verdict in = node.decide(kUplink, dpu, udp(kWeb, kFar, kFarIp, kWebIp));
  EXPECT_EQ(in.step, Step::next());
  EXPECT_EQ(in.decision.to.port, kWebPort);
  EXPECT_EQ(in.decision.from.tunnel, dpu);
  EXPECT_EQ(in.decision.charged, kWebPort);
  EXPECT_FALSE(in.decision.egress.judged);
  EXPECT_TRUE(in.decision.ingress.judged);
}

TEST_F(ServicesTest, EgressIsDeniedWhereItStarts) {
  isolate(kWebId, false, true);
  for (const auto& frame : {udp(kCache, kWeb, kWebIp, kCacheIp), udp(kFar, kWeb, kWebIp, kFarIp)}) {
    const Verdict out = node.decide(kWebPort, kNoTunnel, frame);
    EXPECT_EQ(out.step, Step::dropped(Drop::kPolicyEgress));
    EXPECT_EQ(out.decision.drop, Drop::kPolicyEgress);
    EXPECT_EQ(out.decision.egress.rule, RuleId(101));
    EXPECT_TRUE(out.decision.reject);  // blue answers
  }
  // Its ingress is open, and the answers to what came in are no egress.
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, udp(kWeb, kCache, kCacheIp, kWebIp)).step, Step::next());
  EXPECT_EQ(node.decide(kWebPort, kNoTunnel, udp(kCache, kWeb, kWebIp, kCacheIp), true).step, Step::next());
}

TEST_F(ServicesTest, IngressIsDeniedWhereItEnds) {
  isolate(kWebId, true, false);
  const Bytes from_cache = udp(kWeb, kCache, kCacheIp, kWebIp);
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, from_cache).step, Step::dropped(Drop::kPolicyIngress));
  EXPECT_EQ(node.decide(kUplink, dpu, udp(kWeb, kFar, kFarIp, kWebIp)).step,
            Step::dropped(Drop::kPolicyIngress));
  EXPECT_EQ(node.decide(kUplink, plain, udp(kWeb, kPlain, kPlainIp, kWebIp)).step,
            Step::dropped(Drop::kPolicyIngress));
  EXPECT_EQ(node.decide(kWebPort, kNoTunnel, udp(kCache, kWeb, kWebIp, kCacheIp)).step, Step::next());
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, from_cache, true).step, Step::next());
}

TEST_F(ServicesTest, AReplyIsJudgedByItsOpenersPort) {
  isolate(kWebId, true, false, {allow(1, 1, v1::Rule::INGRESS, kAllowAll, packet::kUdp, 2000)});
  const Bytes request = udp(kWeb, kCache, kCacheIp, kWebIp, 64, 1000, 2000);
  const Bytes answer = udp(kCache, kWeb, kWebIp, kCacheIp, 64, 2000, 1000);
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, request).decision.ingress.rule, RuleId(1));
  const Verdict replied = node.decide(kWebPort, kNoTunnel, answer, true);
  EXPECT_EQ(replied.step, Step::next());
  EXPECT_EQ(replied.decision.ingress.rule, RuleId(1));
  const Bytes other = udp(kWeb, kCache, kCacheIp, kWebIp, 64, 1000, 2001);
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, other).step, Step::dropped(Drop::kPolicyIngress));
}

TEST_F(ServicesTest, RemoteEndpointsArePolicedAtHome) {
  isolate(kFarId, true, true);
  EXPECT_EQ(node.decide(kWebPort, kNoTunnel, udp(kFar, kWeb, kWebIp, kFarIp)).step, Step::next());
  EXPECT_EQ(node.decide(kUplink, dpu, udp(kWeb, kFar, kFarIp, kWebIp)).step, Step::next());
}

// An ICMP error about the flow from `flow_from` to `flow_to`, sent by `source`.
Bytes icmp_error(const MacAddress& to, const MacAddress& from, const char* source, const char* flow_from,
                 const char* flow_to) {
  const Bytes flow = udp(to, from, flow_from, flow_to);
  return make([&](Builder& b) {
    b.ethernet(to, from).ip(ip(source), ip(flow_from)).icmp(3, 3).payload(std::span(flow).subspan(14, 28));
  });
}

TEST_F(ServicesTest, IcmpErrorsAreNotJudgedButMustNotBeSpoofed) {
  isolate(kWebId, true, true);
  const Bytes honest = icmp_error(kWeb, kCache, kCacheIp, kWebIp, kCacheIp);
  const Verdict passed = node.decide(kCachePort, kNoTunnel, honest);
  EXPECT_EQ(passed.step, Step::next());
  EXPECT_EQ(passed.decision.to.port, kWebPort);
  EXPECT_FALSE(passed.decision.ingress.judged);
  const Bytes forged = icmp_error(kWeb, kCache, kFarIp, kWebIp, kCacheIp);
  EXPECT_EQ(node.decide(kCachePort, kNoTunnel, forged).step, Step::dropped(Drop::kSpoofedAddress));
  const Bytes from_plain = icmp_error(kWeb, kFar, kFarIp, kWebIp, kFarIp);
  EXPECT_EQ(node.decide(kUplink, plain, from_plain).step, Step::dropped(Drop::kTunnelSourceMismatch));
}

TEST_F(ServicesTest, AnErrorIsNeverAboutALaterFragment) {
  for (const uint8_t protocol : {packet::kTcp, packet::kUdp}) {
    const Bytes piece = make([&](Builder& b) {
      b.ethernet(kGatewayMac, kWeb)
          .ip(ip(kWebIp), ip(kDbIp))
          .fragment(7, 64, false)
          .protocol(protocol)
          .zeros(64);
    });
    Arrival arrival(kWebPort, kNoTunnel, piece, kBlue);
    ASSERT_EQ(arrival.info.kind, packet::Kind::kFragment);
    arrival.info.kind = packet::Kind::kFlow;  // as the engine has it once it has borrowed the ports
    Bytes room(2048);
    EXPECT_EQ(node.tables().refuse(arrival.packet, Step::Error::kProhibited, 0, room), 0u) << int{protocol};
    EXPECT_EQ(node.tables().refuse(arrival.packet, Step::Error::kTimeExceeded, 0, room), 0u);
  }
}

TEST_F(ServicesTest, APlainHostIsRoutedThroughTheGateway) {
  // Its default gateway is the anycast MAC; this node answers and relays, for it alone.
  const Verdict local = node.decide(kUplink, plain, udp(kGatewayMac, kPlain, kPlainIp, kDbIp));
  EXPECT_EQ(local.step, Step::next());
  EXPECT_EQ(local.decision.to.port, kDbPort);
  EXPECT_TRUE(local.decision.to.routed);
  const Verdict relayed = node.decide(kUplink, plain, udp(kGatewayMac, kPlain, kPlainIp, "10.1.1.22"));
  EXPECT_EQ(relayed.step, Step::next());
  EXPECT_EQ(relayed.decision.to.tunnel, dpu);
  EXPECT_TRUE(relayed.decision.to.routed);
  EXPECT_EQ(relayed.decision.charged, kNoPort);
  // What is bridged goes straight from node to node.
  EXPECT_EQ(node.decide(kUplink, plain, udp(kFar, kPlain, kPlainIp, kFarIp)).step,
            Step::dropped(Drop::kDestinationUnknown));
}

TEST_F(ServicesTest, NoTunnelForAnUnknownPeerOrNetwork) {
  EXPECT_EQ(node.tunnel_from("192.0.2.9"), kNoTunnel);
  EXPECT_EQ(node.tunnel_from("192.0.2.2", Vni(300)), kNoTunnel);
  EXPECT_EQ(node.decide(kUplink, plain, udp(kWeb, kFar, kFarIp, kWebIp)).step,
            Step::dropped(Drop::kTunnelSourceMismatch));
}

// Broadcasts: red replicates them, to its local endpoints and to both peers.
Bytes broadcast(const MacAddress& from, const char* source, uint16_t port = 2000) {
  return udp(MacAddress::broadcast(), from, source, "255.255.255.255", 64, 1000, port);
}

TEST_F(ServicesTest, BroadcastGoesToEveryoneButTheSender) {
  const std::vector<End> ends = node.receivers(kRedPort, kNoTunnel, broadcast(kRed1, kWebIp));
  ASSERT_EQ(ends.size(), 3u);
  EXPECT_EQ(ends[0].port, kRed2Port);
  EXPECT_EQ(ends[1].tunnel, node.tunnel_from("192.0.2.2", kRed));
  EXPECT_EQ(ends[2].tunnel, node.tunnel_from("192.0.2.3", kRed));
  const TunnelId arrived = node.tunnel_from("192.0.2.2", kRed);
  const std::vector<End> in = node.receivers(kUplink, arrived, broadcast(mac(41), "10.1.0.41"));
  EXPECT_EQ(in.size(), 2u);  // never back to the fabric
}

TEST_F(ServicesTest, BroadcastObeysIngressOfEachReceiver) {
  isolate(kRed2Id, true, false, {allow(1, 1, v1::Rule::INGRESS, kAllowAll, packet::kUdp, 2000)});
  EXPECT_EQ(node.receivers(kRedPort, kNoTunnel, broadcast(kRed1, kWebIp)).size(), 3u);
  EXPECT_EQ(node.receivers(kRedPort, kNoTunnel, broadcast(kRed1, kWebIp, 2001)).size(), 2u);
}

TEST_F(ServicesTest, BroadcastObeysEgressTowardsEveryone) {
  isolate(kRed1Id, false, true);
  EXPECT_TRUE(node.receivers(kRedPort, kNoTunnel, broadcast(kRed1, kWebIp)).empty());
  EXPECT_EQ(node.receivers(kRed2Port, kNoTunnel, broadcast(kRed2, "10.1.0.12")).size(), 3u);
}

TEST_F(ServicesTest, WhatLiesBehindAnEndpointIsNotTheEndpoint) {
  v1::Policy policy;
  add_class(policy, 1, true, false);
  add_subject(policy, kWebId, 1);
  add_selector(policy, 5, {kRouterId});
  *policy.add_add_rules() = allow(1, 1, v1::Rule::INGRESS, 5);
  ASSERT_TRUE(node.apply(policy).ok());
  EXPECT_EQ(node.decide(kRouterPort, kNoTunnel, udp(kWeb, kRouter, "10.1.0.13", kWebIp)).step, Step::next());
  EXPECT_EQ(node.decide(kRouterPort, kNoTunnel, udp(kWeb, kRouter, "172.16.0.9", kWebIp)).step,
            Step::dropped(Drop::kPolicyIngress));
}

}  // namespace
}  // namespace outrigger::services::test
