// The only door of the DPU that its host can see.  A server of its own, so that whatever comes through this
// door uses up this door: own threads, own memory quota, own listener bound to the link's address.  It serves
// HostLink and nothing else, to certificates of role host, each for its own node, at a bounded rate; it never
// dials.
//
// Replays: Renew carries an ascending sequence.  The desk keeps the highest of each node and refuses what is
// not above it; here that becomes an event.  The connection itself cannot be replayed (TLS 1.3).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/fallback/host_desk.h"
#include "dpu/secure/tls.h"

namespace outrigger::secure {

// Keeps a host's log records; says up to which cursor it has them.
using KeepLogs = std::function<absl::StatusOr<uint64_t>(const v1::ShipLogsRequest& request)>;
// The same of what was measured there.
using KeepWindows = std::function<absl::StatusOr<uint64_t>(const v1::ReportWindowsRequest& request)>;

struct HostLinkSinks {
  KeepLogs logs;
  KeepWindows windows;
};

struct HostLinkOptions {
  std::string address;  // "169.254.7.1:7444"
  TlsFiles files;
  Rate rate;
};

class HostLinkServer {
 public:
  static constexpr int kMaxRequest = 1 << 20;  // bytes
  static constexpr int kMaxRecords = 4096;     // of one ShipLogs

  // Listens until destroyed.  Errors name the address or the file.
  static absl::StatusOr<std::unique_ptr<HostLinkServer>> listen(const HostLinkOptions& options,
                                                                agent::HostDesk& desk, HostLinkSinks sinks,
                                                                agent::Events* events);
  virtual ~HostLinkServer() = default;
  [[nodiscard]] virtual int port() const = 0;  // that was bound
};

}  // namespace outrigger::secure
