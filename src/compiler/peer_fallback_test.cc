#include "compiler/peer_fallback.h"

#include <gtest/gtest.h>

#include <map>

#include "compiler/test_objects.h"

namespace outrigger::compiler {
namespace {

namespace v1 = ::outrigger::engine::v1;

// Seen from host-a: host-b and host-c, each with an endpoint; host-b's host has a tunnel address of its own.
class PeerFallbackTest : public ::testing::Test {
 protected:
  PeerFallbackTest() {
    for (const char* name : {"host-a", "host-b", "host-c"}) {
      manifest::Node& node = world_.add(manifest::Node{});
      node.meta.name = name;
      node.underlay = {*IpAddress::parse("192.0.2." + std::string(1, name[5] - 'a' + '1'))};
      if (node.meta.name == "host-b") node.fallback = IpAddress::parse("192.0.2.102");
    }
    manifest::Network& network = world_.add(manifest::Network{});
    network.meta.name = "blue";
    network.vni = 100;
    for (const char* name : {"host-b", "host-c"}) {
      manifest::Endpoint& endpoint = world_.add(manifest::Endpoint{});
      endpoint.meta.name = std::string("on-") + name;
      endpoint.meta.ns = "shop";
      endpoint.node = name;
      endpoint.network = "blue";
    }
  }
  v1::Structure structure(const std::set<std::string>& in_force, const std::set<std::string>& leaving = {}) {
    const auto compiled = compile(world_.objects(), "host-a", {}, ids_);
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    v1::Structure made = compiled->structure;
    apply_fallback(world_.objects(), in_force, leaving, ids_, made);
    return made;
  }
  // Where each endpoint is: "shop/on-host-b" -> "192.0.2.2", "" for nowhere.
  static std::map<std::string, std::string> places(const v1::Structure& structure) {
    std::map<uint32_t, std::string> peers;
    for (const v1::Peer& peer : structure.peers()) {
      EXPECT_EQ(peers.count(peer.id()), 0u) << "peer id twice";
      peers[peer.id()] = peer.underlay_size() == 0 ? "" : IpAddress::from_bytes(peer.underlay(0))->str();
    }
    std::map<std::string, std::string> found;
    for (const v1::Endpoint& endpoint : structure.endpoints())
      found[endpoint.name()] = peers.at(endpoint.peer());
    return found;
  }
  static std::set<std::string> tunnels(const v1::Structure& structure) {
    std::set<std::string> all;
    for (const v1::Peer& peer : structure.peers()) {
      for (const std::string& one : peer.underlay()) all.insert(IpAddress::from_bytes(one)->str());
    }
    return all;
  }

  testing::World world_;
  Ids ids_;
};

using Places = std::map<std::string, std::string>;
using Tunnels = std::set<std::string>;

TEST_F(PeerFallbackTest, ItsEndpointsAreBehindTheHostAloneAndTheDpuIsStillProbed) {
  const v1::Structure usual = structure({});
  EXPECT_EQ(tunnels(usual), (Tunnels{"192.0.2.2", "192.0.2.3"}));
  const v1::Structure fallen = structure({"host-b"});
  EXPECT_EQ(tunnels(fallen), (Tunnels{"192.0.2.102", "192.0.2.2", "192.0.2.3"}));
  EXPECT_EQ(places(fallen), (Places{{"shop/on-host-b", "192.0.2.102"}, {"shop/on-host-c", "192.0.2.3"}}));
  EXPECT_EQ(places(structure({})), places(usual));
}

// Who may speak for each endpoint besides the node it is behind.
std::map<std::string, std::string> heard_too(const v1::Structure& structure) {
  std::map<uint32_t, std::string> names;
  for (const v1::Peer& peer : structure.peers()) names[peer.id()] = peer.name();
  std::map<std::string, std::string> found;
  for (const v1::Peer& peer : structure.peers()) {
    if (peer.has_also()) found[peer.name()] = names.at(peer.also());
  }
  return found;
}

TEST_F(PeerFallbackTest, OnTheWayBackBothAreHeardButOneIsSpokenTo) {
  EXPECT_EQ(heard_too(structure({})), (Places{}));
  EXPECT_EQ(heard_too(structure({"host-b"})), (Places{{"host-b/fallback", "host-b"}}));
  const v1::Structure leaving = structure({}, {"host-b"});
  EXPECT_EQ(heard_too(leaving), (Places{{"host-b", "host-b/fallback"}}));
  EXPECT_EQ(places(leaving), places(structure({})));
  EXPECT_EQ(tunnels(leaving), (Tunnels{"192.0.2.102", "192.0.2.2", "192.0.2.3"}));
}

TEST_F(PeerFallbackTest, NodesWithoutAnAddressOrUnknownOnesStay) {
  EXPECT_EQ(tunnels(structure({"host-a", "host-c", "host-x"})), (Tunnels{"192.0.2.2", "192.0.2.3"}));
}

TEST_F(PeerFallbackTest, TheSameIsCompiledTwiceTheSame) {
  const std::string first = structure({"host-b"}).SerializeAsString();
  EXPECT_EQ(structure({"host-b"}).SerializeAsString(), first);
}

TEST_F(PeerFallbackTest, WhoYieldsSpeaksToNobody) {
  v1::Structure made = structure({});
  yield(made);
  EXPECT_EQ(tunnels(made), Tunnels{});
  EXPECT_EQ(made.endpoints_size(), 2);
}

}  // namespace
}  // namespace outrigger::compiler
