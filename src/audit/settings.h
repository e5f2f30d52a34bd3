// What the audit is told of the world; whatever is missing leaves the tests that need it untried.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "dpu/secure/tls.h"

namespace outrigger::audit {

// A guest's traffic that policy lets through to its peer: what every attempt is a variation of.
struct Allowed {
  bool tcp = false;
  uint16_t port = 7;
};

struct Denied {
  IpAddress address;
  uint16_t port = 0;  // TCP
};

struct Settings {
  // The host link, as the host's own agent uses it.
  std::string link;  // ADDRESS:PORT
  std::string node;
  secure::TlsFiles files;
  std::string bundle_key;         // public key of the DPU's bundles
  std::string wrong_role;         // PEM with key: of this authority, not of role host
  std::string stolen;             // PEM with key: of another node's host
  std::vector<std::string> apis;  // ADDRESS:PORT of management APIs
  std::vector<IpAddress> dpu;     // addresses whose ports are tried, beside the link's

  // Guests that the audit may use: NETNS/DEVICE.
  std::string endpoint;      // whence it attacks
  std::string peer;          // where it looks for what must not arrive
  std::string denied_at;     // where it listens on what policy denies; empty: `peer`
  std::string denied_from;   // whence that is denied; empty: `endpoint`
  uint16_t denied_open = 0;  // TCP port there that policy opens to the same: the way is there; 0: not known
  Allowed allowed;
  std::optional<Denied> denied;
  std::vector<IpAddress> underlay;  // tunnel addresses of nodes
  std::vector<uint32_t> vnis;

  std::vector<std::string> closed;   // services whose contract does not fall back on the host
  std::vector<std::string> folders;  // searched for the DPU's keys
  bool one_machine = false;          // host and DPU share a kernel and its files: a lab
  std::string netns_prefix =
      "orfb-";                // begins the names of the namespaces where the host itself carries traffic
  std::string restart_agent;  // shell command of whoever owns the host agent
  uint32_t flood = 20'000;    // packets
  bool gentle = false;
};

}  // namespace outrigger::audit
