// Who carries this node's traffic, its DPU or its host, and what is believed of the other nodes: what the
// host says over its link, what peers' tunnels answer, and the detour that follows from both.  The host's end
// of it is outrigger-host; without a link it is asked nothing.  Thread-safety: any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpu/api.h"
#include "dpu/fallback/bundle_maker.h"
#include "dpu/fallback/desk.h"
#include "dpu/fallback/peer_watch.h"
#include "dpu/fallback/service.h"
#include "dpu/health/metrics.h"
#include "dpu/health/services_of_node.h"
#include "dpu/observations.h"
#include "dpu/options.h"
#include "dpu/second_counter.h"

namespace outrigger::agent {

class HostSide {
 public:
  // The functions answer null while there is none; `options` and `events` must outlive it.
  struct Parts {
    const Options& options;
    Events& events;
    std::function<ServicesOfNode*()> services;
    std::function<DesiredState*()> desired;
  };
  static absl::StatusOr<std::unique_ptr<HostSide>> open(Parts parts);

  Desk& desk() { return *desk_; }
  PeerWatch& peers() { return *peers_; }
  Observations& observations() { return observations_; }
  // Until the end of it, or of what it asks.
  void count_seconds(SecondCounter::Sources sources);
  void stop_counting() { seconds_.reset(); }
  [[nodiscard]] HostFigures figures() const;                               // measured there
  [[nodiscard]] bool carries() const { return desk_->state().yielded(); }  // the host, not the engine
  // Nothing is carried before the host has said whether it does: engines that are new were not there before.
  void await();
  // The peers that have a host to fall back on, by what is in force.
  void follow(std::span<const manifest::Object* const> objects);
  [[nodiscard]] std::vector<ConsumerView> consumers() const;
  [[nodiscard]] FallbackView view();
  void tick();

 private:
  explicit HostSide(Parts parts) : parts_(std::move(parts)) {}
  Desk::Hooks hooks();
  [[nodiscard]] bool healthy() const;
  [[nodiscard]] uint64_t generation() const;
  [[nodiscard]] absl::StatusOr<v1::SignedBundle> bundle();
  [[nodiscard]] std::vector<std::string> services() const;  // of the data path, whose contract names the host
  void publish(const PeerWatch::InForce& in_force);         // with lock_
  void keep_order();
  [[nodiscard]] StandingOrder kept_order() const;

  const Parts parts_;
  Observations observations_;
  std::unique_ptr<SecondCounter> seconds_;
  std::unique_ptr<BundleMaker> bundles_;
  std::unique_ptr<Desk> desk_;
  std::unique_ptr<PeerWatch> peers_;
  std::mutex lock_;
  Yield yield_ = Yield::kNo;  // under lock_
  std::mutex order_lock_;     // of the file of the standing order
};

}  // namespace outrigger::agent
