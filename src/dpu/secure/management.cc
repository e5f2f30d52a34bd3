#include "dpu/secure/management.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>

#include "dpu/secure/paced_grpc.h"
#include "dpu/secure/pki.h"

namespace outrigger::secure {

namespace {

constexpr int kMaxHeaders = 16 << 10;  // bytes
constexpr int kHandshakeMs = 5000;
constexpr int kAgeMs = 3'600'000;  // of a connection: then its certificate is looked at again
constexpr int kAgeGraceMs = 300'000;

// A script that asks for each of a hundred things comes a hundred times.
constexpr Rate kOfOne = {30, 150}, kOfAll = {100, 500};

class Listening final : public ManagementListener {
 public:
  Listening(std::unique_ptr<PacedListener> listener,
            std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor)
      : listener_(std::move(listener)), acceptor_(std::move(acceptor)) {}
  void start() override { listener_->start(into(std::move(acceptor_))); }
  [[nodiscard]] int port() const override { return listener_->port(); }

 private:
  std::unique_ptr<PacedListener> listener_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;  // until start()
};

}  // namespace

absl::StatusOr<std::unique_ptr<ManagementListener>> add_listener(const ListenOptions& options,
                                                                 agent::Events* events,
                                                                 grpc::ServerBuilder& builder) {
  if (absl::Status status = check_listen_address(options.address); !status.ok()) return status;
  const auto own = read_leaf(options.files.certificate);
  if (!own.ok()) return own.status();
  auto gate = std::make_shared<Gate>(
      Gate::Options{Listener::kManagement, own->identity.trust_domain, std::nullopt}, events);
  const auto credentials = server_credentials(options.files, std::move(gate));
  if (!credentials.ok()) return credentials.status();
  auto listener =
      PacedListener::listen(options.address, {"management address", Domain::kFleet, kOfAll, kOfOne}, events);
  if (!listener.ok()) return listener.status();
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, *credentials);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxHeaders);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kAgeGraceMs);
  return std::make_unique<Listening>(*std::move(listener), std::move(acceptor));
}

void offer_reflection() { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); }

}  // namespace outrigger::secure
