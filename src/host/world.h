// A bundle's structure, read and checked once: the part of the world that this host's kernel path carries,
// network by network, and by name what it cannot.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "host/intervals.h"
#include "outrigger/engine/v1/update.pb.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::host {

struct Place {
  uint32_t id = 0;
  std::string name;  // "shop/web-1"
  MacAddress mac;
  std::vector<IpAddress> addresses;
  std::vector<IpPrefix> prefixes;  // behind it
  bool local = false;
  IpAddress tunnel;  // remote: where it is, zero when this host's tunnel cannot reach it
};

struct Subnet {
  IpPrefix prefix;
  IpAddress gateway;
};

struct NetworkWorld {
  uint32_t vni = 0;
  std::string name;
  uint32_t mtu = 0;
  bool reject = false;
  MacAddress gateway_mac;
  std::vector<Subnet> subnets;
  std::vector<Place> places;  // local ones and remote ones
};

// A tunnel address that packets may come from, and whose they may be.
struct TunnelPeer {
  std::string name;
  IpAddress address;
  std::map<uint32_t, std::vector<Interval>> sources;  // by VNI
};

struct World {
  std::string node;
  uint64_t generation = 0;
  IpAddress tunnel;                    // the host's own
  std::vector<NetworkWorld> networks;  // those with a local endpoint, by VNI
  std::vector<TunnelPeer> peers;
  ::outrigger::engine::v1::Policy policy;
  std::map<uint32_t, uint32_t> classes;  // of endpoints that any policy selects
  std::vector<std::string> unfit;        // what the kernel path does not carry; it stays closed
};

// InvalidArgument names what in the bundle is not sound: nothing of it is used then.
absl::StatusOr<World> read_world(const v1::HostBundle& bundle);

}  // namespace outrigger::host
