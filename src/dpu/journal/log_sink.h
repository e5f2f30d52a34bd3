// The daemon's own log lines are records like any other: a spdlog sink hands them to the journal.
//   spdlog::default_logger()->sinks().push_back(make_log_sink(*journal, "agent"));
// The journal must outlive the sink: take it out of the logger before the journal goes.
#pragma once

#include <spdlog/sinks/sink.h>

#include <memory>
#include <string>

#include "dpu/journal/journal.h"

namespace outrigger::agent {

std::shared_ptr<spdlog::sinks::sink> make_log_sink(Journal& journal, const std::string& service);

// Puts it into spdlog's default logger, and takes it out again.
class LogTap {
 public:
  explicit LogTap(Journal& journal);
  ~LogTap();
  LogTap(const LogTap&) = delete;
  LogTap& operator=(const LogTap&) = delete;

 private:
  std::shared_ptr<spdlog::sinks::sink> sink_;
};

}  // namespace outrigger::agent
