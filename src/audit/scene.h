// What the tests of one audit share: guests that were opened, the way that policy allows and the one that it
// denies, the host's own line to its DPU, and whether the host's agent has been put out of the way.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/afterwards.h"
#include "audit/audit.h"
#include "audit/calls.h"
#include "audit/probe.h"
#include "audit/shots.h"
#include "outrigger/v1/link.pb.h"

namespace outrigger::audit {

class Scene {
 public:
  explicit Scene(Settings settings);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  [[nodiscard]] const Settings& settings() const { return settings_; }
  // A number that no test before had, with room for a thousand more.
  uint32_t mark() { return mark_ += 1000; }

  // The data path.  FailedPrecondition names the option that is missing.
  absl::StatusOr<const Guest*> endpoint();
  absl::StatusOr<const Guest*> peer();
  absl::StatusOr<const Guest*> denied_at();
  absl::StatusOr<const Guest*> denied_from();
  absl::StatusOr<Range> range(const Guest& victim);
  // An honest packet of the endpoint's reaches the peer.
  absl::Status path_open();
  // The endpoint connects to the peer, as policy lets it: what a dial of its is worth.
  absl::Status dial_open();
  // What policy denies does not get through, though somebody listens.  Aborted with evidence: it did.
  absl::Status denied();

  // The link.
  absl::Status has_link() const;  // FailedPrecondition: --link, --cert, --ca or --node is missing
  absl::StatusOr<Line> own_line() const;
  // A harmless call that only the handler itself can answer: the host's certificate is let in.
  absl::Status link_answers() const;
  absl::StatusOr<v1::SignedBundle> bundle() const;
  // In the agent's name, with a sequence above all before.  PermissionDenied and so on: as refused.
  absl::StatusOr<v1::RenewReply> say(const Line& line, const std::string& state);
  [[nodiscard]] v1::RenewRequest renewal(const std::string& state);

  // The host's agent.
  std::optional<pid_t> agent() const;  // outrigger-host in our network namespace
  absl::Status end_agent();            // and keeps it away; FailedPrecondition when it must not or comes back
  [[nodiscard]] bool agent_ended() const { return restart_.has_value(); }
  absl::StatusOr<pid_t> bring_agent_back();
  // The agent itself has spoken to the DPU since we last did in its name: its numbers are above ours.
  absl::Status hears_agent(const Line& line, absl::Duration patience);

 private:
  absl::StatusOr<const Guest*> guest(std::optional<Guest>& kept, const std::string& place,
                                     const char* option);

  const Settings settings_;
  uint32_t mark_;
  uint64_t sequence_ = 0;
  std::optional<Afterwards> restart_;  // while the agent is dead
  std::optional<Guest> endpoint_, peer_, denied_at_, denied_from_;
};

// Denied stays denied, and what is allowed arrives; `when` is for the evidence.
Verdict enforced(Scene& scene, const std::string& when);

// Volleys from the endpoint at `victim`: one that arrives breaks the boundary.  The honest packet must arrive
// at the peer before and after.
Verdict fire(Scene& scene, const Guest& victim, const std::vector<Shot>& shots);

std::string said(const absl::Status& status);  // its message

}  // namespace outrigger::audit
