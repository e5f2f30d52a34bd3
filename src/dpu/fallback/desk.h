// The DPU's end of the lease: answers the host, carries the operator's order to it, and tells the journal
// what becomes of it.  While the host carries the traffic this side yields: the engine speaks through no
// tunnel, so that no packet is taken from both.  Thread-safety: any thread; hooks are called without a lock
// held.
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

struct HostState {
  bool known = false;             // it has called since this agent began
  bool linked = false;            // and within the lease
  std::string state = "unknown";  // dormant, blocking, active, handing_back, failed
  absl::Time since = absl::InfinitePast();
  absl::Time last_call = absl::InfinitePast();
  uint64_t bundle_generation = 0;
  std::string error;
  std::vector<std::string> unfit;
  std::string order;  // "", "fall_back", "return": what it is told
  bool yielded = false;
};

class Desk final : public HostDesk {
 public:
  struct Settings {
    std::string node;
    absl::Duration lease = absl::Seconds(1);
    absl::Duration refresh = absl::Hours(1);  // a bundle is made again when it is so old
    std::function<absl::Time()> clock = [] { return steady_time(); };  // of leases and times told below
  };
  struct Hooks {
    std::function<bool()> healthy;         // every service that falls back on the host is ready
    std::function<uint64_t()> generation;  // in force; 0: none yet
    std::function<absl::StatusOr<v1::SignedBundle>()> bundle;  // of that generation
    std::function<void(bool)> yield;                           // true: the host carries the traffic
  };
  Desk(Settings settings, Hooks hooks, Events& events)
      : settings_(std::move(settings)), hooks_(std::move(hooks)), events_(events) {}

  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) override;
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest& request) override;

  // What the operator wants.  FailedPrecondition says why it cannot be: no host on the link, the host has no
  // valid bundle, a fallback is in force already (or none is).
  [[nodiscard]] absl::Status order_fall_back(const std::string& actor);
  [[nodiscard]] absl::Status order_return(const std::string& actor);
  [[nodiscard]] HostState state() const;
  // Notices silence; call it a few times a second.
  void tick();

 private:
  struct Notes {
    std::vector<Event> events;
    std::optional<bool> yield;
  };
  void tell(const Notes& notes);
  void note_state(const v1::RenewRequest& request, Notes& notes);
  void settle(Notes& notes);
  [[nodiscard]] Event event(Kind kind, Phase phase, Domain domain, std::string message) const;

  const Settings settings_;
  const Hooks hooks_;
  Events& events_;
  mutable std::mutex mutex_;
  HostState host_;
  uint64_t sequence_ = 0;
  uint64_t cached_generation_ = 0;
  absl::Time cached_at_ = absl::InfinitePast();
  v1::SignedBundle cached_;
};

}  // namespace outrigger::agent
