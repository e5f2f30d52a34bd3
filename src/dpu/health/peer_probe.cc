#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/steady_time.h"
#include "dpu/health/probe_frames.h"
#include "dpu/health/probes.h"

namespace outrigger::agent {

namespace {

constexpr size_t kPeersATime = 4;      // they are asked one after the other
constexpr unsigned kPatienceMs = 100;  // a fabric answers in far less
constexpr unsigned kLostInARow = 3;    // until a peer counts as away
constexpr size_t kNamed = 5;           // peers a reason names

class Peers {
 public:
  Peers(ProbeSources sources, absl::Duration timeout, Events* events)
      : sources_(std::move(sources)),
        timeout_ms_(std::min(kPatienceMs, static_cast<unsigned>(absl::ToInt64Milliseconds(timeout)))),
        events_(events) {}

  Finding operator()() {
    const auto plan = sources_.plan ? sources_.plan() : std::nullopt;
    if (!plan || !sources_.echo)
      return {ProbeOutcome::kNothing, "nothing to probe: no desired state for this node"};
    if (plan->peers.empty())
      return {ProbeOutcome::kNothing, "nothing to probe: no other dpu node can be reached"};
    keep(plan->peers);
    absl::Duration slowest = absl::ZeroDuration();
    for (size_t i = 0; i < std::min(kPeersATime, plan->peers.size()); ++i) {
      const compiler::HealthPeer& peer = plan->peers[next_++ % plan->peers.size()];
      const absl::Status status = ask(*plan, peer, slowest);
      if (absl::IsUnimplemented(status))
        return {ProbeOutcome::kNothing, absl::StrCat("nothing to probe with: ", status.message())};
      note(peer.node, status);
    }
    return judge(slowest);
  }

 private:
  struct Peer {
    unsigned lost = 0;  // in a row
    bool heard = false;
    bool away = false;
    std::string why;
    absl::Time first_lost = absl::InfinitePast();
  };

  void keep(const std::vector<compiler::HealthPeer>& peers) {
    std::map<std::string, Peer> kept;
    for (const auto& peer : peers) kept[peer.node] = peers_[peer.node];
    for (const auto& [name, gone] : peers_) {
      if (gone.away && !kept.contains(name)) tell(name, Phase::kEnd, gone, "is no peer any more");
    }
    peers_ = std::move(kept);
  }

  absl::Status ask(const compiler::HealthPlan& plan, const compiler::HealthPeer& peer,
                   absl::Duration& slowest) {
    const uint64_t mark = next_mark();
    const auto frame = echo_frame(plan.a, peer.end, ++sequence_, mark);
    const auto echo = sources_.echo(PortId(compiler::kProbePortA), frame, mark, timeout_ms_);
    if (!echo.ok()) return echo.status();
    if (!echo->arrived) {
      return absl::UnavailableError(echo->drop == Drop::kNone
                                        ? "no answer"
                                        : std::string(kDrops[static_cast<size_t>(echo->drop)].name));
    }
    slowest = std::max(slowest, absl::Nanoseconds(echo->nanoseconds));
    return absl::OkStatus();
  }

  void note(const std::string& name, const absl::Status& status) {
    if (sources_.peer_probed) sources_.peer_probed(name, status.ok());
    Peer& peer = peers_[name];
    if (status.ok()) {
      if (peer.away) tell(name, Phase::kEnd, peer, "answers again");
      peer = {.heard = true};
      return;
    }
    if (peer.lost++ == 0) peer.first_lost = steady_time();
    peer.why = std::string(status.message());
    if (peer.lost != kLostInARow) return;
    peer.away = true;
    tell(name, Phase::kBegin, peer, absl::StrCat("does not answer through its tunnel: ", peer.why));
  }

  void tell(const std::string& name, Phase phase, const Peer& peer, const std::string& what) {
    if (events_ == nullptr) return;
    Event event;
    event.kind = Kind::kPeer;
    event.phase = phase;
    event.domain = Domain::kFabric;
    event.severity = phase == Phase::kBegin ? Severity::kError : Severity::kInfo;
    event.service = "overlay";
    event.subject = absl::StrCat("peer ", name);
    event.message = absl::StrCat("peer ", name, " ", what);
    if (phase == Phase::kBegin) event.first_sign = wall_time(peer.first_lost);
    events_->record(std::move(event));
  }

  // One result for the service: every peer away is failure, some is trouble; one that has not been asked yet
  // says nothing.
  Finding judge(absl::Duration slowest) const {
    std::vector<std::string> away;
    size_t heard = 0;
    for (const auto& [name, peer] : peers_) {
      if (peer.lost > 0) away.push_back(absl::StrCat(name, " (", peer.why, ")"));
      heard += peer.lost == 0 && peer.heard ? 1 : 0;
    }
    if (away.empty()) {
      return {ProbeOutcome::kPass, absl::StrCat(heard, " of ", peers_.size(), " peers answer"), slowest};
    }
    const size_t count = away.size();
    if (count > kNamed) away.resize(kNamed);
    std::string reason = absl::StrCat("no answer from ", absl::StrJoin(away, ", "));
    if (count > kNamed) absl::StrAppend(&reason, " and ", count - kNamed, " more");
    return {heard == 0 ? ProbeOutcome::kFail : ProbeOutcome::kTrouble, std::move(reason), slowest};
  }

  const ProbeSources sources_;
  const unsigned timeout_ms_;
  Events* events_;
  std::map<std::string, Peer> peers_;
  size_t next_ = 0;
  uint16_t sequence_ = 0;
};

}  // namespace

Probe peer_probe(const ProbeSources& sources, absl::Duration timeout, Events* events) {
  return [probe = std::make_shared<Peers>(sources, timeout, events)] { return (*probe)(); };
}

}  // namespace outrigger::agent
