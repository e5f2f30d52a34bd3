#include "host/link_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "outrigger/v1/link.grpc.pb.h"

namespace outrigger::host {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRenewDeadline{500};
constexpr milliseconds kOtherDeadline{5000};
constexpr int kSilentCalls = 3;        // in a row without an answer in time: dial anew
constexpr int kMinBackoffMs = 100;     // between attempts to connect
constexpr int kMaxBackoffMs = 500;     // a DPU that is back must not wait for its host
constexpr int kConnectMs = 2000;       // one attempt, handshake included
constexpr int kMaxBundle = 256 << 20;  // bytes
constexpr int kWindow = 1 << 20;       // of these under way

class LinkClient : public Link {
 public:
  LinkClient(std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials)
      : address_(std::move(address)), credentials_(std::move(credentials)) {
    dial_anew();
  }

  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) override {
    return call<v1::RenewReply>(&v1::HostLink::Stub::Renew, request, kRenewDeadline);
  }
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest& request) override {
    return call<v1::SignedBundle>(&v1::HostLink::Stub::FetchBundle, request, kOtherDeadline);
  }
  absl::StatusOr<v1::ShipLogsReply> ship(const v1::ShipLogsRequest& request) override {
    return call<v1::ShipLogsReply>(&v1::HostLink::Stub::ShipLogs, request, kOtherDeadline);
  }
  absl::StatusOr<v1::ReportWindowsReply> report(const v1::ReportWindowsRequest& request) override {
    return call<v1::ReportWindowsReply>(&v1::HostLink::Stub::ReportWindows, request, kOtherDeadline);
  }

 private:
  void dial_anew() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or gRPC would find the old connection again
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinBackoffMs);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxBackoffMs);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // its callers try again; every call would pay for it
    // Small calls on a short wire: no pings to find out how much fits on it, but room for a bundle.
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindow);
    arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
    arguments.SetMaxReceiveMessageSize(kMaxBundle);
    channel_ = grpc::CreateCustomChannel(address_, credentials_, arguments);
    stub_ = v1::HostLink::NewStub(channel_);
  }

  std::shared_ptr<v1::HostLink::Stub> stub() {
    const std::lock_guard lock(mutex_);
    return stub_;
  }

  void note(const std::shared_ptr<v1::HostLink::Stub>& used, bool silent) {
    const std::lock_guard lock(mutex_);
    if (used != stub_) return;  // has been replaced meanwhile
    silent_ = silent ? silent_ + 1 : 0;
    if (silent_ < kSilentCalls) return;
    silent_ = 0;
    if (channel_->GetState(false) != GRPC_CHANNEL_READY)
      return;  // it is dialling by itself, and at less cost
    dial_anew();
  }

  template <typename Reply, typename Method, typename Request>
  absl::StatusOr<Reply> call(Method method, const Request& request, milliseconds patience) {
    const auto used = stub();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    context.set_wait_for_ready(true);  // only a waiting call lets gRPC go on with connecting
    Reply reply;
    const grpc::Status status = ((*used).*method)(&context, request, &reply);
    note(used, status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
    if (status.ok()) return reply;
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat("host link to ", address_, ": ", status.error_message()));
  }

  const std::string address_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_;    // under mutex_
  std::shared_ptr<v1::HostLink::Stub> stub_;  // under mutex_
  int silent_ = 0;                            // under mutex_
};

}  // namespace

absl::StatusOr<std::unique_ptr<Link>> dial(const LinkOptions& options) {
  const auto credentials = secure::client_credentials(options.files, options.node);
  if (!credentials.ok()) return credentials.status();
  return std::make_unique<LinkClient>(options.address, *credentials);
}

}  // namespace outrigger::host
