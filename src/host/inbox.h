// Other services of the host have things to tell that belong on the same time line.  They send one record a
// datagram (a line of JSON, as `outrigger logs -o json` prints them) to a Unix socket that root alone may
// write to; what they say goes to the host's log as theirs.  They may speak for the host and for
// applications, and never report what would become an incident: that is outrigger-host's own to say.
#pragma once

#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "host/shipper.h"

namespace outrigger::host {

class Inbox {
 public:
  // The socket at `path`, replacing what a dead process left there.
  static absl::StatusOr<Descriptor> listen(const std::string& path);

  Inbox(Descriptor socket, HostLog& log);  // a thread that takes records until the end
  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

 private:
  void run();

  const Descriptor socket_;
  HostLog& log_;
  std::thread thread_;
};

// What such a record becomes; one that cannot be read becomes one that says so.
Record record_from_outside(std::string_view line);

// For `outrigger-host tell`.
absl::Status tell(const std::string& path, const Record& record);

}  // namespace outrigger::host
