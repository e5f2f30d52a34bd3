// NetworkPolicy and AdminNetworkPolicy: YAML to fields, with Kubernetes' defaults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/fixture.h"

namespace outrigger::manifest {
namespace {

using ::testing::IsEmpty;

NetworkPolicy policy(const std::string& spec) {
  return one<NetworkPolicy>(
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: " + spec);
}

AdminPolicy admin(const std::string& spec) {
  return one<AdminPolicy>(
      "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: p}\nspec: " +
      spec);
}

TEST(ReadNetworkPolicy, PolicyTypesAndTheirDefaults) {
  const struct {
    const char* spec;
    bool ingress, egress;
    size_t ingress_rules, egress_rules;
  } rows[] = {
      {"{podSelector: {}}", true, false, 0, 0},
      {"{podSelector: {}, ingress: []}", true, false, 0, 0},
      {"{podSelector: {}, ingress: [{}]}", true, false, 1, 0},
      {"{podSelector: {}, egress: [{}]}", true, true, 0, 1},
      {"{podSelector: {}, ingress: [{}], egress: [{}]}", true, true, 1, 1},
      // The API server looks for rules, not for the field (SetDefaults_NetworkPolicy).
      {"{podSelector: {}, egress: []}", true, false, 0, 0},
      {"{podSelector: {}, egress: }", true, false, 0, 0},
      {"{podSelector: {}, policyTypes: []}", true, false, 0, 0},
      {"{podSelector: {}, policyTypes: [Ingress]}", true, false, 0, 0},
      {"{podSelector: {}, policyTypes: [Egress]}", false, true, 0, 0},
      {"{podSelector: {}, policyTypes: [Egress, Ingress]}", true, true, 0, 0},
      // Rules of a type that is not named are kept, and do not isolate.
      {"{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", true, false, 0, 1},
  };
  for (const auto& row : rows) {
    const NetworkPolicy read = policy(row.spec);
    ASSERT_EQ(read.meta.name, "p") << row.spec;
    EXPECT_EQ(read.ingress_isolated, row.ingress) << row.spec;
    EXPECT_EQ(read.egress_isolated, row.egress) << row.spec;
    EXPECT_EQ(read.ingress.size(), row.ingress_rules) << row.spec;
    EXPECT_EQ(read.egress.size(), row.egress_rules) << row.spec;
  }
}

TEST(ReadNetworkPolicy, SelectorsBecomeRequirements) {
  const struct {
    const char* selector;
    const char* text;
  } rows[] = {
      {"{}", ""},
      {"{matchLabels: }", ""},
      {"{matchLabels: {app: web, tier: front}}", "app in (web),tier in (front)"},
      {"{matchLabels: {app: \"\"}}", "app in ()"},
      {"{matchExpressions: [{key: app, operator: In, values: [b, a]}]}", "app in (a,b)"},
      {"{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", "app notin (a)"},
      {"{matchExpressions: [{key: k8s.io/app, operator: Exists}]}", "k8s.io/app"},
      {"{matchExpressions: [{key: app, operator: DoesNotExist, values: []}]}", "!app"},
      {"{matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}", "a in (b),c"},
  };
  for (const auto& row : rows) {
    const NetworkPolicy read = policy("{podSelector: " + std::string(row.selector) + "}");
    ASSERT_EQ(read.meta.name, "p") << row.selector;
    EXPECT_EQ(read.subject.str(), row.text) << row.selector;
  }
}

TEST(ReadNetworkPolicy, Ports) {
  const struct {
    const char* port;
    PortMatch match;
  } rows[] = {
      {"{}", {Protocol::kTcp, 0, 0, ""}},
      {"{port: 80}", {Protocol::kTcp, 80, 80, ""}},
      {"{protocol: UDP}", {Protocol::kUdp, 0, 0, ""}},
      {"{protocol: SCTP, port: 3868}", {Protocol::kSctp, 3868, 3868, ""}},
      {"{port: 1, endPort: 65535}", {Protocol::kTcp, 1, 65535, ""}},
      {"{port: 80, endPort: 80}", {Protocol::kTcp, 80, 80, ""}},
      {"{protocol: UDP, port: dns}", {Protocol::kUdp, 0, 0, "dns"}},
      {"{port: \"http-8080\"}", {Protocol::kTcp, 0, 0, "http-8080"}},
  };
  for (const auto& row : rows) {
    const NetworkPolicy read =
        policy("{podSelector: {}, ingress: [{ports: [" + std::string(row.port) + "]}]}");
    ASSERT_EQ(read.ingress.size(), 1u) << row.port;
    ASSERT_EQ(read.ingress[0].ports.size(), 1u) << row.port;
    EXPECT_EQ(read.ingress[0].ports[0], row.match) << row.port;
  }
}

TEST(ReadNetworkPolicy, Peers) {
  const NetworkPolicy read = policy(R"(
  podSelector: {}
  ingress:
  - from:
    - podSelector: {}
    - namespaceSelector: {matchLabels: {team: a}}
    - {namespaceSelector: {}, podSelector: {matchLabels: {app: b}}}
    - ipBlock: {cidr: 10.1.2.3/8, except: [10.9.0.0/16]}
  egress:
  - {to: [], ports: []}
)");
  ASSERT_EQ(read.ingress.size(), 1u);
  const std::vector<PeerMatch>& peers = read.ingress[0].peers;
  ASSERT_EQ(peers.size(), 4u);
  EXPECT_TRUE(peers[0].pods && !peers[0].namespaces && !peers[0].cidr);
  EXPECT_TRUE(!peers[1].pods && peers[1].namespaces);
  EXPECT_EQ(peers[1].namespaces->str(), "team in (a)");
  EXPECT_TRUE(peers[2].pods && peers[2].namespaces);
  EXPECT_EQ(peers[2].pods->str(), "app in (b)");
  ASSERT_TRUE(peers[3].cidr);
  EXPECT_EQ(peers[3].cidr->str(), "10.0.0.0/8");  // as the API server, bits beyond the length are let through
  ASSERT_EQ(peers[3].except.size(), 1u);
  EXPECT_EQ(peers[3].except[0].str(), "10.9.0.0/16");
  ASSERT_EQ(read.egress.size(), 1u);
  EXPECT_THAT(read.egress[0].peers, IsEmpty());
  EXPECT_THAT(read.egress[0].ports, IsEmpty());
}

TEST(ReadAdminPolicy, Fields) {
  const AdminPolicy read = admin(R"(
  priority: 1000
  subject: {pods: {namespaceSelector: {matchLabels: {team: a}}, podSelector: {}}}
  ingress:
  - {name: first, action: Pass, from: [{namespaces: {}}, {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: b}}}}]}
  egress:
  - action: Deny
    to: [{networks: [10.0.0.0/8, "fd00::/8"]}, {namespaces: {matchLabels: {team: c}}}]
    ports:
    - portNumber: {protocol: UDP, port: 53}
    - portNumber: {port: 80}
    - portRange: {protocol: SCTP, start: 10, end: 20}
    - namedPort: http
)");
  EXPECT_FALSE(read.baseline);
  EXPECT_EQ(read.priority, 1000u);
  EXPECT_EQ(read.subject_namespaces.str(), "team in (a)");
  ASSERT_TRUE(read.subject_pods);
  EXPECT_EQ(read.subject_pods->str(), "");
  ASSERT_EQ(read.ingress.size(), 1u);
  EXPECT_EQ(read.ingress[0].name, "first");
  EXPECT_EQ(read.ingress[0].action, Action::kPass);
  ASSERT_EQ(read.ingress[0].peers.size(), 2u);
  EXPECT_TRUE(read.ingress[0].peers[0].namespaces && !read.ingress[0].peers[0].pods);
  EXPECT_EQ(read.ingress[0].peers[1].pods->str(), "app in (b)");
  ASSERT_EQ(read.egress.size(), 1u);
  ASSERT_EQ(read.egress[0].peers.size(), 3u);
  EXPECT_EQ(read.egress[0].action, Action::kDeny);
  EXPECT_EQ(read.egress[0].peers[1].cidr->str(), "fd00::/8");
  EXPECT_EQ(read.egress[0].peers[2].namespaces->str(), "team in (c)");
  EXPECT_EQ(read.egress[0].ports, (std::vector<PortMatch>{{Protocol::kUdp, 53, 53, ""},
                                                          {Protocol::kTcp, 80, 80, ""},
                                                          {Protocol::kSctp, 10, 20, ""},
                                                          {std::nullopt, 0, 0, "http"}}));
}

TEST(ReadAdminPolicy, SubjectNamespacesMeansEveryPodOfThem) {
  const AdminPolicy read = admin("{priority: 0, subject: {namespaces: {matchLabels: {team: a}}}}");
  EXPECT_EQ(read.meta.name, "p");
  EXPECT_EQ(read.subject_namespaces.str(), "team in (a)");
  EXPECT_FALSE(read.subject_pods);
}

TEST(ReadAdminPolicy, Baseline) {
  const AdminPolicy read = one<AdminPolicy>(R"(
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
)");
  EXPECT_TRUE(read.baseline);
  ASSERT_EQ(read.ingress.size(), 1u);
  EXPECT_EQ(read.ingress[0].action, Action::kDeny);
}

}  // namespace
}  // namespace outrigger::manifest
