// The host's conversation with its DPU: keeps the lease, fetches and checks bundles.  One thread talks, since
// a call may hang; whoever asks gets what is known now, and a bell rings when that is something else than
// before.  Leases count from when a request was sent, by a clock that also counts sleep (CLOCK_BOOTTIME).
// Thread-safety: any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/ed25519.h"
#include "host/bell.h"
#include "host/bundle.h"
#include "host/link.h"
#include "host/machine.h"

namespace outrigger::host {

absl::Duration boottime();

// What the host tells with each renewal.
struct Report {
  State state = State::kDormant;
  std::vector<std::string> unfit;
  std::string error;
  friend bool operator==(const Report&, const Report&) = default;
};

class Keeper {
 public:
  struct Settings {
    std::string node;
    std::string file;                                // keeps the bundle
    absl::Duration every = absl::Milliseconds(300);  // one lost call (500 ms) loses no lease
    absl::Duration first_lease = absl::Seconds(3);   // before the DPU has ever answered
  };
  struct News {
    bool lease = false;
    absl::Duration lease_left;  // unless it is renewed
    absl::Duration answered;    // boottime() when the last call was made that the DPU answered
    bool dpu_healthy = false;
    Order order = Order::kNone;
    std::optional<bool> carries;                   // what the DPU says of itself; not there: it does not say
    std::string link_fault;                        // of the last call
    std::string bundle_fault;                      // empty: `bundle` is to be used
    std::string refusal;                           // of the last bundle that was not taken
    std::shared_ptr<const v1::HostBundle> bundle;  // may be large: never copied
  };

  // Takes up the bundle on disk if it still holds.  Without a link nothing is asked: the lease never ends.
  Keeper(Settings settings, Ed25519Key key, std::unique_ptr<Link> link);
  ~Keeper();

  [[nodiscard]] News news() const;
  // Rings when the DPU says, or stops saying, anything that a decision may depend on.
  [[nodiscard]] Bell& bell() { return bell_; }
  // Told with the next renewal; when it is another than before, at once.
  void report(Report report);
  // A bundle from elsewhere (a file); the same checks.
  absl::Status offer(const v1::SignedBundle& bundle);

 private:
  void talk();
  bool wait_until(absl::Duration when);
  void renew();
  bool take_reply(const v1::RenewReply& reply, absl::Duration sent);
  void no_reply(const absl::Status& why);
  void fetch();
  void load();
  absl::Status take(const v1::SignedBundle& bundle, bool fresh);
  [[nodiscard]] std::string bundle_fault() const;

  const Settings settings_;
  const Ed25519Key key_;
  const std::unique_ptr<Link> link_;
  mutable std::mutex mutex_;
  Report report_;
  News news_;
  Accepted accepted_;
  std::string refusal_;  // of the last bundle that was not taken
  absl::Duration lease_until_;
  absl::Duration taken_at_;  // when the bundle came, if it came over the link
  bool fresh_ = false;
  uint64_t sequence_ = 0, skip_ = 0, offered_generation_ = 0, offered_mark_ = 0;
  bool reported_ = false;  // ever
  bool untold_ = false;    // since the last renewal
  bool stop_ = false;
  std::condition_variable wake_;
  Bell bell_;
  std::thread thread_;
};

}  // namespace outrigger::host
