#include "dpu/journal/log_sink.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace outrigger::agent {

namespace {

Severity severity_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return Severity::kDebug;
    case spdlog::level::warn:
      return Severity::kWarning;
    case spdlog::level::err:
      return Severity::kError;
    case spdlog::level::critical:
      return Severity::kCritical;
    default:
      return Severity::kInfo;
  }
}

class LogSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LogSink(Journal& journal, std::string service) : journal_(&journal), service_(std::move(service)) {}

  // From then on it swallows what it is given: loggers may outlive the journal.
  void cut() {
    std::lock_guard guard(mutex_);
    journal_ = nullptr;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    if (journal_ == nullptr) return;
    journal_->log({.time = absl::FromChrono(line.time),
                   .service = service_,
                   .severity = severity_of(line.level),
                   .message = std::string(line.payload.data(), line.payload.size())});
  }
  void flush_() override {}

 private:
  Journal* journal_;
  const std::string service_;
};

}  // namespace

std::shared_ptr<spdlog::sinks::sink> make_log_sink(Journal& journal, const std::string& service) {
  return std::make_shared<LogSink>(journal, service);
}

LogTap::LogTap(Journal& journal) : sink_(make_log_sink(journal, "agent")) {
  spdlog::default_logger()->sinks().push_back(sink_);
}

// The sink stays in the logger's list, which other threads may be reading; it is cut off instead.
LogTap::~LogTap() { static_cast<LogSink&>(*sink_).cut(); }

}  // namespace outrigger::agent
