// The management API over the network: an mTLS listener added to the server that already answers on the Unix
// socket. One address of one interface; a call is judged by the table in methods.h before a handler sees it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "dpu/secure/tls.h"

namespace grpc {
class ServerBuilder;
}

namespace outrigger::secure {

struct ListenOptions {
  std::string address;  // "10.0.0.1:7443"; empty: none
  TlsFiles files;
};

// Before BuildAndStart.  `*port` (may be null) is what was bound, once the server is started; 0: it could not
// be.
absl::Status add_listener(const ListenOptions& options, agent::Events* events, grpc::ServerBuilder& builder,
                          int* port = nullptr);
// Once, before the first ServerBuilder is made.  Who may use it is in the table as well.
void offer_reflection();

}  // namespace outrigger::secure
