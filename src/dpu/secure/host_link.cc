#include "dpu/secure/host_link.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "dpu/secure/paced_grpc.h"
#include "dpu/secure/pki.h"
#include "outrigger/v1/link.grpc.pb.h"

namespace outrigger::secure {

namespace {

constexpr int kThreads = 4;
constexpr int kPollers = 1;
constexpr size_t kMemory = 64 << 20;  // for requests, replies and connections of this server
constexpr int kMaxReply = 256 << 20;  // a bundle is a node's whole policy
constexpr int kMaxStreams = 8;        // of one connection at a time
constexpr int kMaxHeaders = 8 << 10;  // bytes
constexpr int kHandshakeMs = 5000;
constexpr Rate kConnections = {5, 20};  // a second, at once: a host keeps one, and dials anew twice a second
constexpr int kIdleMs = 60'000;
constexpr int kAgeMs = 600'000;  // of a connection: then its certificate is looked at again
constexpr int kAgeGraceMs = 10'000;
constexpr auto kGrace = std::chrono::seconds(1);

grpc::Status to_grpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

class HostLinkService : public v1::HostLink::Service {
 public:
  HostLinkService(agent::HostDesk& desk, HostLinkSinks sinks, Gate& gate)
      : desk_(desk), sinks_(std::move(sinks)), gate_(gate) {}

  grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest* request,
                     v1::RenewReply* reply) override {
    if (absl::Status status = own_node(*context, request->node()); !status.ok()) return to_grpc(status);
    const auto answer = desk_.renew(*request);
    if (absl::IsAlreadyExists(answer.status())) {
      (void)gate_.refuse(*caller_of(*context).identity, "replay", std::string(answer.status().message()));
    }
    return give(answer, *reply);
  }

  grpc::Status FetchBundle(grpc::ServerContext* context, const v1::FetchBundleRequest* request,
                           v1::SignedBundle* reply) override {
    if (absl::Status status = own_node(*context, request->node()); !status.ok()) return to_grpc(status);
    return give(desk_.fetch(*request), *reply);
  }

  grpc::Status ShipLogs(grpc::ServerContext* context, const v1::ShipLogsRequest* request,
                        v1::ShipLogsReply* reply) override {
    if (absl::Status status = own_node(*context, request->node()); !status.ok()) return to_grpc(status);
    if (request->records_size() > HostLinkServer::kMaxRecords) {
      return {
          grpc::StatusCode::INVALID_ARGUMENT,
          absl::StrCat(request->records_size(), " records at once, at most ", HostLinkServer::kMaxRecords)};
    }
    const auto& records = request->records();
    if (std::any_of(records.begin(), records.end(), [](const auto& one) { return one.side() != "host"; }))
      return {grpc::StatusCode::INVALID_ARGUMENT, "a host ships records of side \"host\" alone"};
    const auto kept = sinks_.logs(*request);
    if (kept.ok()) reply->set_kept_to(*kept);
    return to_grpc(kept.status());
  }

  grpc::Status ReportWindows(grpc::ServerContext* context, const v1::ReportWindowsRequest* request,
                             v1::ReportWindowsReply* reply) override {
    if (absl::Status status = own_node(*context, request->node()); !status.ok()) return to_grpc(status);
    const auto kept = sinks_.windows(*request);
    if (kept.ok()) reply->set_kept_to(*kept);
    return to_grpc(kept.status());
  }

 private:
  absl::Status own_node(const grpc::ServerContext& context, const std::string& node) {
    const Caller caller = caller_of(context);
    if (!caller.identity) return absl::UnauthenticatedError("no certificate");
    if (caller.identity->name == node) return absl::OkStatus();
    return gate_.refuse(*caller.identity, "another node",
                        absl::StrCat(caller.actor(), " may not speak for node \"", node.substr(0, 64), "\""));
  }

  template <typename Reply>
  static grpc::Status give(const absl::StatusOr<Reply>& answer, Reply& reply) {
    if (answer.ok()) reply = *answer;
    return to_grpc(answer.status());
  }

  agent::HostDesk& desk_;
  const HostLinkSinks sinks_;
  Gate& gate_;
};

class GrpcHostLink : public HostLinkServer {
 public:
  GrpcHostLink(agent::HostDesk& desk, HostLinkSinks sinks, std::shared_ptr<Gate> gate)
      : gate_(std::move(gate)), service_(desk, std::move(sinks), *gate_) {}

  ~GrpcHostLink() override {
    listener_.reset();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kGrace);
  }

  absl::Status start(const HostLinkOptions& options, agent::Events* events) {
    auto listener =
        PacedListener::listen(options.address, {"host link", Domain::kHost, kConnections}, events);
    if (!listener.ok())
      return absl::UnavailableError(absl::StrCat(listener.status().message(), " for the host link"));
    listener_ = *std::move(listener);
    const auto credentials = server_credentials(options.files, gate_);
    if (!credentials.ok()) return credentials.status();
    grpc::ServerBuilder builder;
    bound(builder);
    auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, *credentials);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr)
      return absl::UnavailableError(absl::StrCat("cannot serve ", options.address, " for the host link"));
    listener_->start(into(std::move(acceptor)));
    return absl::OkStatus();
  }

  int port() const override { return listener_->port(); }

 private:
  static void bound(grpc::ServerBuilder& builder) {
    grpc::ResourceQuota quota("host link");
    quota.Resize(kMemory);
    quota.SetMaxThreads(kThreads);
    builder.SetResourceQuota(quota);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, kPollers);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kPollers);
    builder.SetMaxReceiveMessageSize(kMaxRequest);
    builder.SetMaxSendMessageSize(kMaxReply);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxHeaders);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kAgeMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kAgeGraceMs);
  }

  std::shared_ptr<Gate> gate_;
  HostLinkService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<PacedListener> listener_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostLinkServer>> HostLinkServer::listen(const HostLinkOptions& options,
                                                                       agent::HostDesk& desk,
                                                                       HostLinkSinks sinks,
                                                                       agent::Events* events) {
  if (absl::Status status = check_listen_address(options.address); !status.ok()) return status;
  const auto own = read_leaf(options.files.certificate);
  if (!own.ok()) return own.status();
  auto gate = std::make_shared<Gate>(
      Gate::Options{Listener::kHostLink, own->identity.trust_domain, options.rate}, events);
  auto server = std::make_unique<GrpcHostLink>(desk, std::move(sinks), std::move(gate));
  if (absl::Status status = server->start(options, events); !status.ok()) return status;
  return server;
}

}  // namespace outrigger::secure
