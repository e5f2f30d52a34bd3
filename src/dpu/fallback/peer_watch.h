// When peers believe a node's host instead of its DPU: while their own probes through the DPU's tunnel fail.
// Not the host's word decides, but what this node sees.  A node moves over after some failures in a row and
// back after some successes in a row; in between nothing changes.  Who has moved back is leaving for a
// moment: its host is still heard, until what it had sent has arrived.  Thread-safety: any thread; the
// callback is called without a lock held, in the order of the changes.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/steady_time.h"

namespace outrigger::agent {

class PeerWatch {
 public:
  struct Settings {
    uint32_t failures = 3;
    uint32_t successes = 3;
    absl::Duration leaving = absl::Seconds(5);  // longer than hosts take to close their path
    std::function<absl::Time()> clock = [] { return steady_time(); };
  };
  using InForce = std::set<std::string>;  // names of nodes whose host is believed
  // `changed`: compile and publish with these nodes in fallback (compiler/peer_fallback.h).
  PeerWatch(Settings settings, std::function<void(const InForce&)> changed)
      : settings_(settings), changed_(std::move(changed)) {}

  // Only these may fall back at all: nodes with a fallback address.  Others are forgotten.
  void follow(const std::set<std::string>& nodes);
  // The result of one probe through the tunnel of the node's DPU.
  void probed(const std::string& node, bool answered);
  [[nodiscard]] InForce in_force() const;
  [[nodiscard]] std::set<std::string> leaving() const;
  // Ends what has been leaving for long enough; call it now and then.
  void tick() { publish(); }

 private:
  struct Peer {
    bool fallen = false;
    absl::Time back = absl::InfinitePast();
    uint32_t against = 0;  // results in a row that speak against what holds
  };
  void publish();

  const Settings settings_;
  const std::function<void(const InForce&)> changed_;
  std::mutex publishing_;
  mutable std::mutex mutex_;
  std::map<std::string, Peer> peers_;
  std::pair<InForce, std::set<std::string>> published_;
};

}  // namespace outrigger::agent
