// Where systemd runs, its journal is where operators look first: records go there as well, with their fields.
// Thread-safety: send() from any thread.
#pragma once

#include "base/record.h"

namespace outrigger::agent {

class Journald {
 public:
  explicit Journald(bool wanted);  // there is one when /run/systemd/journal/socket exists
  void send(const Record& record) const;
  [[nodiscard]] bool present() const { return present_; }

 private:
  bool present_;
};

}  // namespace outrigger::agent
