// mTLS 1.3 for gRPC, both ends.  Certificates are read from files and again whenever those change, so
// `outrigger pki rotate` needs no restart; connections that are open stay open.
//
// gRPC 1.51 offers no way to ask for TLS 1.3 alone, so TLS 1.2 is left without a usable cipher: the process
// names only pre-shared-key suites for it, and there are no pre-shared keys.  TLS 1.3 has its own list, which
// this does not touch.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/secure/gate.h"
#include "dpu/secure/identity.h"

namespace grpc {
class ServerContextBase;
}

namespace outrigger::secure {

struct TlsFiles {
  std::string certificate;  // PEM; may hold the key as well
  std::string key;          // empty: in `certificate`
  std::string authority;    // PEM, one or several
  [[nodiscard]] const std::string& key_path() const { return key.empty() ? certificate : key; }
};

// Files under FOLDER of `outrigger pki`, as "dpu-host-a" or "operator/alice".
TlsFiles files_of(const std::string& folder, const std::string& as);

// Call it before anything of gRPC's runs in this process.  Also keeps gRPC from writing to our stderr, unless
// GRPC_VERBOSITY asks for it.
void require_tls13();

// Asks for a client's certificate and has `gate` judge every call.  Errors name the file.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& files,
                                                                            std::shared_ptr<Gate> gate);

// Whoever answers must hold a certificate of role dpu of our trust domain, and of `node` unless that is
// empty: its identity counts, not the name that was dialled.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> client_credentials(const TlsFiles& files,
                                                                             const std::string& node = "");

// Who calls: a certificate, or root through the Unix socket, whose mode lets nobody else in.
struct Caller {
  std::optional<Identity> identity;
  bool local = false;
  [[nodiscard]] std::string actor() const;
};
Caller caller_of(const grpc::ServerContextBase& context);
std::string actor_of(const grpc::ServerContextBase& context);

// "10.0.0.1:7443", "[fd00::1]:7443".  InvalidArgument without an address: everywhere must be said
// ("0.0.0.0:7443").
absl::Status check_listen_address(const std::string& address);

}  // namespace outrigger::secure
