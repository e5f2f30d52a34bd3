// What happens on the host is told once, when it changes, to three readers: the log that is shipped to the
// DPU, standard output (journald), and, through the evidence it carries, the DPU's incidents. Thread-safety:
// none; the loop's alone.
#pragma once

#include <map>
#include <string>

#include "host/fallback.h"
#include "host/keeper.h"
#include "host/shipper.h"

namespace outrigger::host {

class Chronicle {
 public:
  using Evidence = std::map<std::string, std::string>;
  explicit Chronicle(HostLog& log) : log_(log) {}

  void note(Severity severity, const std::string& message, Evidence evidence = {});
  // What the fallback logs; the first line after the traffic changed sides is that change.
  void of_fallback(const std::string& severity, const std::string& message);
  void follow(const Fallback& fallback);
  // Leases lost and regained, bundles refused.
  void look(const Keeper::News& news);

 private:
  HostLog& log_;
  const Fallback* fallback_ = nullptr;
  State told_ = State::kDormant;
  bool lease_ = true;
  absl::Duration answered_ = boottime();  // the DPU gave its last sign of life
  std::string refusal_;
};

}  // namespace outrigger::host
