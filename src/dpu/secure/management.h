// The management API over the network: an mTLS listener added to the server that already answers on the Unix
// socket. One address of one interface; a call is judged by the table in methods.h before a handler sees it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/secure/tls.h"

namespace grpc {
class ServerBuilder;
}

namespace outrigger::secure {

struct ListenOptions {
  std::string address;  // "10.0.0.1:7443"; empty: none
  TlsFiles files;
};

// The door to it.  Connections are taken at a pace: of each caller, and of all (see paced_listener.h).
class ManagementListener {
 public:
  // Once the server is started.
  virtual void start() = 0;
  virtual ~ManagementListener() = default;  // before the server is: no more come
  [[nodiscard]] virtual int port() const = 0;
};
// Before BuildAndStart.  Listens already; whoever connects waits for start().
absl::StatusOr<std::unique_ptr<ManagementListener>> add_listener(const ListenOptions& options,
                                                                 agent::Events* events,
                                                                 grpc::ServerBuilder& builder);
// Once, before the first ServerBuilder is made.  Who may use it is in the table as well.
void offer_reflection();

}  // namespace outrigger::secure
