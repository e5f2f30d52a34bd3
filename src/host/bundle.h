// Whom a host believes when it carries its own traffic: a bundle signed by its DPU, for this node, in its
// time, and never an older one than it took before.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/ed25519.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::host {

// The last bundle that was taken; kept on disk, so that a restart forgets nothing.
struct Accepted {
  uint64_t generation = 0;
  uint64_t sequence = 0;
};

// How far the clocks of host and DPU may be apart.
inline constexpr absl::Duration kClockTolerance = absl::Minutes(5);

// Each refusal begins with its name: "unsigned:", "other_key:", "bad_signature:", "truncated:",
// "other_node:", "not_yet_valid:", "expired:", "older:", "unknown_service:".  The very bundle taken last is
// taken again.
absl::StatusOr<v1::HostBundle> check_bundle(const v1::SignedBundle& signed_bundle, const Ed25519Key& key,
                                            const std::string& node, const Accepted& last, absl::Time now);

// What is kept: FILE holds the signed bundle, FILE.accepted the numbers.
absl::Status save_bundle(const std::string& file, const v1::SignedBundle& bundle, const Accepted& accepted);
absl::StatusOr<v1::SignedBundle> load_bundle(const std::string& file);
absl::StatusOr<Accepted> load_accepted(const std::string& file);  // zeros when there is none yet

// Writes beside it, then renames.
absl::Status write_file(const std::string& file, const std::string& content);
absl::StatusOr<std::string> read_file(const std::string& file);

}  // namespace outrigger::host
