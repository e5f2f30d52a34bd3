// The two ways of carrying the same guests' traffic, and the change from one to the other: an order to the
// node's fallback.  The host's own kernel path (vxlan, bridge, nftables from the same policies) is what an
// ordinary host has; the DPU's is Outrigger.  Nothing is built anew in between, and the guests stay.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/lab.h"
#include "measure/happened.h"
#include "scenario/world.h"

namespace outrigger::scenario {

enum class Arm : uint8_t { kHost, kDpu };
std::string_view name(Arm arm);  // "host", "dpu": labels of measurements

// How a run speaks to daemons.  The caller brings it, so that there is no gRPC here.
struct Api {
  lab::NodeApi lab;
  // "fall_back" or "return", to the fallback of this node.
  std::function<absl::Status(const lab::NodeSocket&, const std::string& what)> order;
  struct HostPath {
    std::string state;    // of the host's path: "dormant", "active", ...
    bool ready = false;   // the host is linked, and holds a bundle
    std::string trouble;  // "", or why not
  };
  std::function<absl::StatusOr<HostPath>(const lab::NodeSocket&)> host_path;
  // What this node notes from now on, to be asked when a turn is over.
  std::function<absl::StatusOr<measure::Since>(const lab::NodeSocket&)> watch;
  // Tries the boundary from this node's host, without what kills or floods; `file` keeps what was said of it.
  std::function<absl::StatusOr<std::vector<measure::BoundaryTest>>(
      const std::string& lab, const std::string& node, const std::string& file)>
      audit;
  struct Change {
    std::string what;  // "engine upgrade from 0.1.0 to 0.1.1"
    std::vector<double> blackout_ms;
    bool at_most = false;  // they are from an order to the word that it is done: nobody saw when packets ran
  };
  // One change of what carries this node's packets, as an operator would make it.
  std::function<absl::StatusOr<Change>(const lab::NodeSocket&)> change;
};

class Switch {
 public:
  Switch(std::string lab, const World& world, const Api& api, lab::NodeSocket node)
      : lab_(std::move(lab)), world_(world), api_(api), node_(std::move(node)) {}

  // Until the host holds the rules, so that it could carry.
  absl::Status wait_until_ready() const;
  // Returns when the arm carries, the peer sends there, and the application's guest answers.
  absl::Status to(Arm arm) const;
  // Packets that the host's kernel path has carried so far, both ways: the evidence of where the work ran.
  [[nodiscard]] absl::StatusOr<uint64_t> carried_by_host() const;

 private:
  [[nodiscard]] absl::StatusOr<uint64_t> lines_in_force() const;
  absl::Status point_peer_at(Arm arm) const;
  absl::Status wait_for_state(const std::string& state) const;
  absl::Status wait_for_answer() const;

  std::string lab_;
  const World& world_;
  const Api& api_;
  lab::NodeSocket node_;
};

// The namespaces of the host's kernel path, one a network.
std::string path_netns(const std::string& lab, uint32_t vni);

// Sleeps; Cancelled after Ctrl-C.
absl::Status pause(absl::Duration length);

}  // namespace outrigger::scenario
