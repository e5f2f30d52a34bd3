// The kernel path as a whole: made and kept closed, opened, closed again.  Every step may be repeated; a step
// that fails leaves the endpoints where they were or says which one it could not move.  take_over() and
// give_back() end in their state from wherever they begin; the steps between them open both paths for a while
// (see machine.h).
// What exists is found by name, so a new process takes over what a dead one left.  Not thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "host/guest.h"
#include "host/world.h"

namespace outrigger::host {

class Path {
 public:
  // `prefix` begins the names of the namespaces it makes; `folder` keeps what endpoints had.
  Path(std::string prefix, std::string folder) : prefix_(std::move(prefix)), folder_(std::move(folder)) {}
  virtual ~Path() = default;

  // Builds for these endpoints; those of them without a namespace go to unfit().  An open path stays open and
  // gets the new rules at once.
  virtual absl::Status prepare(World world, const std::vector<Guest>& guests);
  // Shuts the DPU's ports of all endpoints, then opens this path for them.
  virtual absl::Status take_over();
  // Shuts this path and gives the endpoints back to the DPU's ports.  FailedPrecondition names one that has
  // no port yet; nothing is changed then.
  virtual absl::Status give_back();
  // Opens this path beside the DPU's ports; nothing moves yet.
  virtual absl::Status open_host();
  // What endpoints send goes through this path from now on, and may still arrive at either.
  virtual absl::Status move_to_host();
  // Opens the DPU's ports beside this path.  FailedPrecondition names one that is not there.
  virtual absl::Status open_dpu();
  virtual absl::Status move_to_dpu();
  // Why the path would not carry traffic; OK when it would.
  virtual absl::Status test();
  [[nodiscard]] virtual bool ports_are_there() const;
  // Gateways answer most of a few endpoints through the DPU's ports: it carries.
  [[nodiscard]] virtual bool dpu_answers() const;
  // Removes all it has made; endpoints are not touched.
  absl::Status remove();
  [[nodiscard]] const std::vector<std::string>& unfit() const { return world_.unfit; }

 private:
  absl::Status prepare(const NetworkWorld& network);
  absl::Status keep_belongings(const Guest& guest) const;
  [[nodiscard]] Belongings belongings(const NetworkWorld& network, const Place& place,
                                      const Guest& guest) const;
  [[nodiscard]] std::string keepsake(const Guest& guest) const;
  absl::Status set_tunnels(bool up);
  absl::Status look(const NetworkWorld& network, const Place& place);
  absl::Status take(const NetworkWorld& network, const Place& place);
  absl::Status give(const NetworkWorld& network, const Place& place);
  absl::Status open(const NetworkWorld& network, const Place& place);
  absl::Status shift_to_host(const NetworkWorld& network, const Place& place);
  absl::Status shift_to_dpu(const NetworkWorld& network, const Place& place);
  absl::Status shift(const NetworkWorld& network, const Place& place, bool to_host);
  absl::Status find_ports();
  void one_again(const Guest& guest, uint32_t id);
  absl::Status each(absl::Status (Path::*step)(const NetworkWorld&, const Place&));

  std::string prefix_, folder_;
  World world_;
  std::map<uint32_t, Guest> guests_;                   // of local endpoints, by id
  std::map<uint32_t, std::set<std::string>> present_;  // devices in them, when a switch began
  std::map<uint32_t, std::set<std::string>>
      loosened_;  // of those that are open twice: see accept_from_both()
};

}  // namespace outrigger::host
