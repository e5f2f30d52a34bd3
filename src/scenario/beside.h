// What runs beside the packet path in each way of carrying it.  On a host: softflowd exports flows, and a
// policy agent applies the node's rules again every few seconds, as agents do that make sure of them; both on
// the application's CPU.  On the DPU: softflowd on the DPU's CPU; the rules need nobody to say them again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/descriptor.h"
#include "scenario/arm.h"
#include "scenario/programs.h"

namespace outrigger::scenario {

inline constexpr char kFlowExporter[] = "softflowd", kPolicyAgent[] = "policy-agent";

class Beside {
 public:
  struct Settings {
    std::string lab, folder;
    absl::Duration agent_every = absl::Seconds(3);  // from one time that it is done to the next
  };
  // Keeps the rules that the host's path has now, for the agent.
  static absl::StatusOr<std::unique_ptr<Beside>> make(const Settings& settings, const World& world);

  absl::Status start(Arm arm);
  void end() { programs_.end(); }
  [[nodiscard]] const Programs& programs() const { return programs_; }
  [[nodiscard]] uint64_t rule_lines() const { return rule_lines_; }  // what the agent applies

 private:
  Beside(Settings settings, const World& world)
      : settings_(std::move(settings)), world_(world), programs_(settings_.folder) {}
  absl::Status keep_rules();
  absl::Status open_collector(const std::string& netns);
  [[nodiscard]] Program exporter(Arm arm) const;
  [[nodiscard]] Program agent() const;
  [[nodiscard]] std::string rules_file(uint32_t vni) const;

  Settings settings_;
  const World& world_;
  Programs programs_;
  std::vector<Descriptor> collectors_;  // flow records arrive there and are read by nobody
  uint64_t rule_lines_ = 0;
};

}  // namespace outrigger::scenario
