#include "dpu/journal/journald.h"

#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

int priority(Severity severity) {
  constexpr int kPriorities[] = {7, 6, 4, 3, 2};  // syslog's, RFC 5424 §6.2.1
  return kPriorities[static_cast<size_t>(severity)];
}

}  // namespace

Journald::Journald(bool wanted) : present_(wanted && access("/run/systemd/journal/socket", W_OK) == 0) {}

void Journald::send(const Record& record) const {
  if (!present_) return;
  std::vector<std::string> fields = {
      absl::StrCat("MESSAGE=", record.message),
      absl::StrCat("PRIORITY=", priority(record.severity)),
      absl::StrCat("SYSLOG_IDENTIFIER=outrigger-", record.service),
      absl::StrCat("OUTRIGGER_SIDE=", record.side),
      absl::StrCat("OUTRIGGER_DOMAIN=", std::string(name(record.domain))),
      absl::StrCat("OUTRIGGER_SERVICE=", record.service),
      absl::StrCat("OUTRIGGER_VERSION=", record.version),
      absl::StrCat("OUTRIGGER_GENERATION=", record.generation),
      absl::StrCat("OUTRIGGER_OWNER=", record.owner),
      absl::StrCat("OUTRIGGER_INCIDENT=", record.incident),
  };
  std::vector<iovec> parts;
  for (std::string& field : fields) parts.push_back({field.data(), field.size()});
  (void)sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace outrigger::agent
