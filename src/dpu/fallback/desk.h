// The DPU's end of the lease: answers the host, carries the operator's order to it, and tells the journal
// what becomes of it.  While the host carries the traffic this side yields: the engine speaks through no
// tunnel.  Where both sides live, a switch is make before break, and the order of its steps is the host's:
//   blocking       the host path opens beside ours: we still carry, but answer no peer's probe, so that they
//   move active         we yield handing_back   we carry again; the host moves its endpoints when we have
//   said so dormant        the host path is shut
// Thread-safety: any thread; hooks are called without a lock held.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/steady_time.h"
#include "dpu/fallback/host_desk.h"
#include "dpu/journal/events.h"

namespace outrigger::agent {

enum class Yield : uint8_t {
  kNo,
  kQuiet,  // carries, but answers no probe
  kYes,    // speaks through no tunnel
};

struct HostState {
  bool known = false;             // it has called since this agent began
  bool linked = false;            // and within the lease
  std::string state = "unknown";  // dormant, blocking, active, handing_back, failed
  absl::Time since = absl::InfinitePast();
  absl::Time last_call = absl::InfinitePast();
  uint64_t bundle_generation = 0;
  absl::Time bundle_since = absl::InfinitePast();
  std::string error;
  std::vector<std::string> unfit;
  std::string order;  // "", "fall_back", "return": what it is told
  Yield yield = Yield::kNo;
  bool believed = true;                                               // when it says that it carries
  [[nodiscard]] bool yielded() const { return yield != Yield::kNo; }  // the work is not wholly ours
  [[nodiscard]] std::string etag() const;                             // of what an order depends on
};

// How an order is meant.
struct OrderTerms {
  std::string etag{};       // of HostState as it was seen; Aborted when it is another by now
  bool check_only = false;  // every check, and no order
  // For a while: whoever leads the drill says when to return, or the next agent does if this one dies.  Its
  // return stands even while this side is ill: the host goes back once it is not.
  bool drill = false;
};

// An order that is not done yet, to be kept for the next agent.
struct StandingOrder {
  std::string order{};  // "", "fall_back", "return", "drill"
  std::string by{};
};

class Desk final : public HostDesk {
 public:
  struct Settings {
    std::string node;
    absl::Duration lease = absl::Seconds(1);
    absl::Duration refresh = absl::Hours(1);     // a bundle is made again when it is so old
    absl::Duration patience = absl::Seconds(3);  // for the first call, after await_host()
    StandingOrder standing{};                    // of the agent before this one
    std::function<absl::Time()> clock = [] { return steady_time(); };  // of leases and times told below
  };
  struct Hooks {
    std::function<bool()> healthy;         // every service that falls back on the host is ready
    std::function<uint64_t()> generation;  // in force; 0: none yet
    std::function<absl::StatusOr<v1::SignedBundle>()> bundle;  // of that generation
    std::function<void(Yield)> yield;                          // returns when it is so
    std::function<void()> standing{};                          // standing() is another
    // Whether some contract falls back on the host: no host takes over what is to stay closed.  Not set: yes.
    std::function<bool()> host_may_carry{};
  };
  Desk(Settings settings, Hooks hooks, Events& events)
      : settings_(std::move(settings)),
        hooks_(std::move(hooks)),
        events_(events),
        mark_(static_cast<uint64_t>(absl::ToUnixMicros(settings_.clock()))) {
    take_up(settings_.standing);
  }

  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) override;
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest& request) override;

  // What the operator wants.  FailedPrecondition says why it cannot be: no host on the link, its path has
  // failed, it has no valid bundle, a fallback is in force already (or none is), this side is ill.  What the
  // host has not begun can always be taken back.
  [[nodiscard]] absl::Status order_fall_back(const std::string& actor, const OrderTerms& terms = {});
  [[nodiscard]] absl::Status order_return(const std::string& actor, const OrderTerms& terms = {});
  [[nodiscard]] HostState state() const;
  [[nodiscard]] StandingOrder standing() const;
  // This DPU was dead, so its host may carry the traffic: yields until the host has called, or it is clear
  // that there is none.  Calls no hook.
  void await_host();
  // The bundle is another though its generation is not: peers have fallen back, or returned.
  void bundle_changed();
  // Notices silence; call it a few times a second.
  void tick();

 private:
  struct Notes {
    std::vector<Event> events;
    std::optional<Yield> yield;
  };
  void tell(const Notes& notes);
  void note_state(const v1::RenewRequest& request, bool may_carry, Notes& notes);
  [[nodiscard]] Event not_believed(const std::string& text) const;
  void settle(Notes& notes);
  void tell_standing();
  void take_up(const StandingOrder& before);
  void note_order(const std::string& order, const std::string& actor, bool drill, Notes& notes);
  [[nodiscard]] absl::Status may_fall_back() const;
  [[nodiscard]] absl::Status may_return(bool healthy) const;
  [[nodiscard]] Event event(Kind kind, Phase phase, Domain domain, std::string message) const;

  const Settings settings_;
  const Hooks hooks_;
  Events& events_;
  mutable std::mutex mutex_;
  HostState host_;
  std::string ordered_by_;
  bool drill_ = false;  // a fallback was ordered for a while
  bool standing_is_old_ = false;
  uint64_t sequence_ = 0;
  uint64_t mark_;  // of the bundle: no restart may say an old one again
  uint64_t cached_generation_ = 0, cached_mark_ = 0;
  absl::Time awaiting_until_ = absl::InfinitePast();
  absl::Time cached_at_ = absl::InfinitePast();
  v1::SignedBundle cached_;
};

}  // namespace outrigger::agent
