// The objects users write, as plain values: ours (outrigger.dev/v1alpha1) and Kubernetes' own.  Reading and
// checking them is in read.h and check.h; what they mean to the data path is the compiler's work.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.h"

namespace outrigger::manifest {

struct Location {
  std::string file;
  int line = 0;  // 1 and up
};

struct Fault {
  Location at;
  std::string object;   // "Endpoint shop/web-1"; empty when the fault is not inside an object
  std::string field;    // "spec.ports[0].port"; empty when the object as a whole is meant
  std::string problem;  // "is 70000, must be 1 to 65535"
  [[nodiscard]] std::string str()
      const;  // "web.yaml:12: Endpoint shop/web-1: spec.ports[0].port: is 70000, ..."
};

using Labels = std::map<std::string, std::string>;

struct Requirement {
  enum class Operator : uint8_t { kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Operator op = Operator::kIn;
  std::vector<std::string> values;
  friend bool operator==(const Requirement&, const Requirement&) = default;
};

// matchLabels become In requirements of one value.  Empty: matches everything.
struct LabelSelector {
  std::vector<Requirement> requirements;
  [[nodiscard]] bool matches(const Labels& labels) const;
  // Canonical text, equal for equal meaning up to order: "app in (web),tier notin (db)".
  [[nodiscard]] std::string str() const;
  friend bool operator==(const LabelSelector&, const LabelSelector&) = default;
};

enum class Protocol : uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };

struct Metadata {
  std::string name;
  std::string ns;  // empty for cluster-wide kinds
  Labels labels;
  Location at;
  // Where it was read does not make it another object.
  friend bool operator==(const Metadata& a, const Metadata& b) {
    return a.name == b.name && a.ns == b.ns && a.labels == b.labels;
  }
};

// Every namespace has this label, also when no manifest declares it; its value is the namespace's name.
inline constexpr char kNamespaceNameLabel[] = "kubernetes.io/metadata.name";

struct NamedPort {
  std::string name;
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;
  friend bool operator==(const NamedPort&, const NamedPort&) = default;
};

// How long sessions live and how many an endpoint may hold; 0: the engine's default.
struct SessionSettings {
  bool strict_tcp = false;           // spec.sessions.tcp: loose | strict, by window
  uint32_t quota = 0;                // spec.sessions.quota: of an endpoint that names none
  uint32_t embryonic_timeout = 0;    // spec.sessions.embryonicTimeout, seconds: not answered yet, or closing
  uint32_t established_timeout = 0;  // spec.sessions.establishedTimeout: TCP
  uint32_t udp_timeout = 0;          // spec.sessions.udpTimeout: answered UDP, SCTP and others
  friend bool operator==(const SessionSettings&, const SessionSettings&) = default;
};

struct Node {
  enum class Kind : uint8_t { kDpu, kPlain };
  Metadata meta;
  Kind kind = Kind::kDpu;
  std::vector<IpAddress> underlay;  // at most one of each family
  uint16_t underlay_mtu = 1500;     // spec.underlayMtu
  std::string uplink;               // spec.uplink: device of the uplink, "" in a lab
  SessionSettings sessions;
  std::optional<IpAddress> fallback;  // spec.fallback.underlay: the host's own tunnel address
  friend bool operator==(const Node&, const Node&) = default;
};

struct Subnet {
  IpPrefix cidr;
  IpAddress gateway;
  friend bool operator==(const Subnet&, const Subnet&) = default;
};

struct Network {
  enum class Encapsulation : uint8_t { kVxlan, kGeneve };
  enum class Broadcast : uint8_t { kSuppress, kReplicate };
  Metadata meta;
  uint32_t vni = 0;  // 1 to 2^24 - 1
  Encapsulation encapsulation = Encapsulation::kVxlan;
  uint16_t mtu = 1450;
  std::vector<Subnet> subnets;
  Broadcast broadcast = Broadcast::kSuppress;  // spec.broadcast: suppress | replicate
  std::vector<IpAddress> dns;                  // spec.dns
  bool reject = false;                         // spec.denied: drop | reject
  friend bool operator==(const Network&, const Network&) = default;
};

struct Endpoint {
  Metadata meta;
  std::string node;
  std::string network;
  std::vector<IpAddress> addresses;
  std::vector<IpPrefix> prefixes;  // entries of spec.addresses written with a length: what lies behind it
  MacAddress mac;
  std::vector<NamedPort> ports;
  std::string device;          // spec.device: representor, "" in a lab
  uint32_t session_quota = 0;  // spec.sessionQuota, 0: the node's default
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Namespace {
  Metadata meta;
  friend bool operator==(const Namespace&, const Namespace&) = default;
};

struct Pod {
  Metadata meta;
  std::vector<IpAddress> addresses;  // status.podIPs / status.podIP
  std::vector<NamedPort> ports;      // of every container
  friend bool operator==(const Pod&, const Pod&) = default;
};

// One entry of a NetworkPolicyPort or of an AdminNetworkPolicy port list.
struct PortMatch {
  std::optional<Protocol> protocol;  // absent: any; an ANP namedPort goes by the port's own protocol
  uint16_t first = 0, last = 0;      // both 0: every port of the protocol
  std::string name;                  // named port; first/last are then 0
  friend bool operator==(const PortMatch&, const PortMatch&) = default;
};

struct PeerMatch {
  std::optional<LabelSelector> pods;        // podSelector
  std::optional<LabelSelector> namespaces;  // namespaceSelector; absent with pods: the policy's own namespace
  std::optional<IpPrefix> cidr;             // ipBlock, or an ANP egress `networks` entry
  std::vector<IpPrefix> except;
  friend bool operator==(const PeerMatch&, const PeerMatch&) = default;
};

enum class Action : uint8_t { kAllow, kDeny, kPass };

struct PolicyRule {
  std::string name;                // ANP rules may have one
  Action action = Action::kAllow;  // NetworkPolicy: always kAllow
  std::vector<PeerMatch> peers;    // NetworkPolicy: empty means every peer
  std::vector<PortMatch> ports;    // empty: every port of every protocol
  friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

struct NetworkPolicy {
  Metadata meta;
  LabelSelector subject;          // podSelector in its own namespace
  bool ingress_isolated = false;  // policyTypes after their defaults
  bool egress_isolated = false;
  std::vector<PolicyRule> ingress;
  std::vector<PolicyRule> egress;
  friend bool operator==(const NetworkPolicy&, const NetworkPolicy&) = default;
};

// AdminNetworkPolicy and, with baseline set, BaselineAdminNetworkPolicy (named "default").
struct AdminPolicy {
  Metadata meta;
  bool baseline = false;
  uint32_t priority = 0;  // 0 to 1000, smaller first; unused by the baseline
  LabelSelector subject_namespaces;
  std::optional<LabelSelector> subject_pods;  // subject.pods; absent: subject.namespaces, every pod
  std::vector<PolicyRule> ingress;
  std::vector<PolicyRule> egress;
  friend bool operator==(const AdminPolicy&, const AdminPolicy&) = default;
};

// The network that health probes run in; no manifest may use it.
inline constexpr uint32_t kHealthVni = 0xfffffe;

// What runs a control-plane agent beside the engine: its process, what it may use, and its files.
struct AgentProcess {
  std::vector<std::string> command;  // absolute path and arguments, from the node's own root
  std::map<std::string, std::string> env;
  std::map<std::string, std::string> files;  // seen as /run/config/NAME
  std::vector<std::string> capabilities;     // "NET_ADMIN"; of a short list
  uint64_t memory = 256u << 20;              // bytes; 0 is not possible
  uint32_t cpu_milli = 1000;                 // thousandths of a CPU
  uint32_t pids = 64;
  friend bool operator==(const AgentProcess&, const AgentProcess&) = default;
};

// The contract of a service: without health, version, log owner and fallback it may not leave the host.
struct Service {
  enum class Task : uint8_t { kPolicy, kOverlay, kTelemetry, kVirtualSwitch, kChain, kTap, kAgent };
  enum class Locality : uint8_t { kEdge, kEastWest, kLocal };
  enum class Probe : uint8_t { kVerdict, kLoopback, kPeer, kExec, kTcp, kHttp, kGrpc };
  enum class Fallback : uint8_t { kPrevious, kHost, kClosed, kOpen, kLastKnownGood };
  struct Health {
    Probe probe = Probe::kVerdict;
    uint32_t interval_ms = 1000;
    uint32_t timeout_ms = 1000;  // of one probe; spec.health.timeout, the interval when left out
    uint32_t fail_after = 3;
    uint32_t ready_after = 3;
    std::vector<std::string> command;  // exec: inside the service's sandbox
    IpAddress address = IpAddress::v4(0x7f000001);
    uint16_t port = 0;
    std::string path = "/";    // http
    std::string grpc_service;  // grpc.health.v1's name; "": the whole server
    friend bool operator==(const Health&, const Health&) = default;
  };
  struct Logs {
    std::string owner;  // who is to be asked
    std::string host = "host-agent";
    std::string dpu = "engine";
    friend bool operator==(const Logs&, const Logs&) = default;
  };
  Metadata meta;
  std::string version;
  Task task = Task::kPolicy;
  bool privileged = false;
  bool latency_sensitive = false;
  Locality locality = Locality::kLocal;
  Health health;
  Logs logs;
  std::vector<Fallback> fallback;  // in the order they are tried
  std::optional<AgentProcess> agent;
  friend bool operator==(const Service&, const Service&) = default;
};
std::string_view text(Service::Task task);          // "virtual_switch"
std::string_view text(Service::Locality locality);  // "east_west"
std::string_view text(Service::Probe probe);        // "verdict"
std::string_view text(Service::Fallback fallback);  // "last_known_good"

// Equal objects mean the same, wherever they were read.
using Object = std::variant<Node, Network, Endpoint, Namespace, Pod, NetworkPolicy, AdminPolicy, Service>;

[[nodiscard]] const Metadata& metadata(const Object& object);
[[nodiscard]] std::string kind(
    const Object& object);  // "Endpoint", "NetworkPolicy", "AdminNetworkPolicy", ...
[[nodiscard]] std::string name(const Object& object);  // "Endpoint shop/web-1", "Network blue"

// An object with the text it was read from: what the store keeps and `get` prints.
struct Document {
  Object object;
  std::string text;  // its YAML, canonical: comments and order of the source kept, one document
};

}  // namespace outrigger::manifest
