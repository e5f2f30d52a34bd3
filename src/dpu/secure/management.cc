#include "dpu/secure/management.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>

#include "dpu/secure/pki.h"

namespace outrigger::secure {

namespace {

constexpr int kMaxHeaders = 16 << 10;  // bytes
constexpr int kHandshakeMs = 5000;
constexpr int kAgeMs = 3'600'000;  // of a connection: then its certificate is looked at again
constexpr int kAgeGraceMs = 300'000;

}  // namespace

absl::Status add_listener(const ListenOptions& options, agent::Events* events, grpc::ServerBuilder& builder,
                          int* port) {
  if (absl::Status status = check_listen_address(options.address); !status.ok()) return status;
  const auto own = read_leaf(options.files.certificate);
  if (!own.ok()) return own.status();
  auto gate = std::make_shared<Gate>(
      Gate::Options{Listener::kManagement, own->identity.trust_domain, std::nullopt}, events);
  const auto credentials = server_credentials(options.files, std::move(gate));
  if (!credentials.ok()) return credentials.status();
  builder.AddListeningPort(options.address, *credentials, port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxHeaders);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kAgeGraceMs);
  return absl::OkStatus();
}

void offer_reflection() { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); }

}  // namespace outrigger::secure
