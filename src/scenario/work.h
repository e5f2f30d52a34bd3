// The programs that a scenario's work consists of: the application in its guest, and what goes on beside it.
// The same in both arms.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scenario/programs.h"
#include "scenario/storm.h"
#include "scenario/world.h"

namespace outrigger::scenario {

// What must be installed for it.
std::vector<std::string> programs_needed(Kind kind);

// The application, which lives as long as the experiment.
absl::Status start_application(Programs& programs, const Description& what, const std::string& lab,
                               const World& world, const std::string& folder);

// What goes on beside it while an arm is measured; none in some scenarios.
class Load {
 public:
  static absl::StatusOr<std::unique_ptr<Load>> begin(const Description& what, const std::string& lab,
                                                     const World& world, const std::string& folder);
  [[nodiscard]] absl::Status check() const { return programs_.check(); }

 private:
  explicit Load(const std::string& folder) : programs_(folder) {}
  Programs programs_;
  std::unique_ptr<Storm> storm_;
};

// In words, for the notes of a measurement; empty: nothing.
std::string load_in_words(Kind kind);

}  // namespace outrigger::scenario
