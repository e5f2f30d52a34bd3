// An agent's sandbox as an OCI bundle (runtime-spec 1.0.2): the node's own files read-only, nothing of the
// node writable, its network shared, its processes apart.  A bundle is a folder that can be run again as it
// is, so the version before is kept whole for the fallback `previous`.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "manifest/objects.h"

namespace outrigger::agent {

struct Limits {
  uint64_t memory = 0;  // bytes
  uint32_t cpu_milli = 0;
  uint32_t pids = 0;
  friend bool operator==(const Limits&, const Limits&) = default;
};

// What a bundle says of itself.
struct BundleInfo {
  std::string version;
  std::string owner;
  Limits limits;
  std::string program;  // its path on the node
};

// config.json of a service's process; `folder` is where the bundle will lie.
std::string oci_config(const manifest::Service& service, const std::string& folder);

// Writes the bundle aside and puts it at `folder`, replacing what was there.
absl::Status write_bundle(const manifest::Service& service, const std::string& folder);
// True when `folder` holds exactly this service.
bool is_bundle_of(const manifest::Service& service, const std::string& folder);
absl::StatusOr<BundleInfo> read_bundle(const std::string& folder);

}  // namespace outrigger::agent
