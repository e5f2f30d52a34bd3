#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cli/api.h"
#include "cli/daemon_call.h"
#include "outrigger/v1/config.grpc.pb.h"
#include "outrigger/v1/inspect.grpc.pb.h"

namespace outrigger::cli {

namespace {

constexpr int kMaxMessage = 512 << 20;  // a whole desired state of a large fleet
constexpr auto kPatience = std::chrono::minutes(2);

std::string why_unreachable(const std::string& socket, const std::string& said) {
  struct stat file {};
  if (stat(socket.c_str(), &file) != 0) return std::strerror(errno);
  if (access(socket.c_str(), R_OK | W_OK) != 0) return "it belongs to another user: try as root";
  return said.find("refused") != std::string::npos ? "nobody answers there" : said;
}

enum class Near : uint8_t { kHere, kElsewhere };

class Client : public Api {
 public:
  Client(std::string where, Near near, const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : where_(std::move(where)), near_(near) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessage);
    arguments.SetMaxSendMessageSize(kMaxMessage);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    channel_ = grpc::CreateCustomChannel(near_ == Near::kHere ? absl::StrCat("unix:", where_) : where_,
                                         credentials, arguments);
    config_ = v1::Config::NewStub(channel_);
    inspect_ = v1::Inspect::NewStub(channel_);
  }

  absl::StatusOr<v1::Applied> apply(const v1::Batch& batch) override {
    v1::Applied reply;
    grpc::Status status = ask(*config_, &v1::Config::Stub::Apply, batch, reply);
    if (answer_lost(status) && !batch.request_id().empty() && back_again(*channel_))
      status = ask(*config_, &v1::Config::Stub::Apply, batch, reply);
    if (!status.ok()) return said(status);
    return reply;
  }
  absl::StatusOr<v1::Planned> plan(const v1::Batch& batch) override {
    return call<v1::Planned>(*config_, &v1::Config::Stub::Plan, batch);
  }
  absl::StatusOr<v1::Objects> get(const v1::GetRequest& request) override {
    return call<v1::Objects>(*config_, &v1::Config::Stub::Get, request);
  }
  absl::StatusOr<v1::Explanation> explain(const v1::ExplainRequest& request) override {
    return call<v1::Explanation>(*inspect_, &v1::Inspect::Stub::Explain, request);
  }
  absl::StatusOr<v1::Sessions> sessions(const v1::SessionsRequest& request) override {
    return call<v1::Sessions>(*inspect_, &v1::Inspect::Stub::ListSessions, request);
  }
  absl::StatusOr<v1::Stats> stats() override {
    return call<v1::Stats>(*inspect_, &v1::Inspect::Stub::GetStats, v1::StatsRequest());
  }
  absl::StatusOr<v1::Drops> drops(bool all) override {
    v1::DropsRequest request;
    request.set_all(all);
    return call<v1::Drops>(*inspect_, &v1::Inspect::Stub::ListDrops, request);
  }
  absl::StatusOr<v1::Capacities> capacity() override {
    return call<v1::Capacities>(*inspect_, &v1::Inspect::Stub::GetCapacity, v1::CapacityRequest());
  }
  std::shared_ptr<grpc::Channel> channel() override { return channel_; }

 private:
  template <typename Reply, typename Stub, typename Method, typename Request>
  absl::StatusOr<Reply> call(Stub& stub, Method method, const Request& request) {
    Reply reply;
    const grpc::Status status = ask(stub, method, request, reply);
    if (status.ok()) return reply;
    return said(status);
  }

  template <typename Reply, typename Stub, typename Method, typename Request>
  grpc::Status ask(Stub& stub, Method method, const Request& request, Reply& reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return (stub.*method)(&context, request, &reply);
  }

  absl::Status said(const grpc::Status& status) const {
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    }
    return absl::UnavailableError(absl::StrCat("cannot reach outriggerd at ", where_, ": ", why(status)));
  }

  std::string why(const grpc::Status& status) const {
    if (near_ == Near::kElsewhere) {
      return absl::StrCat(
          status.error_message(),
          "\ndoes it listen there (`outriggerd --listen`), and are both certificates of the same "
          "authority and still valid (`outrigger pki list`)?");
    }
    return absl::StrCat(
        why_unreachable(where_, status.error_message()),
        "\nis outriggerd running? start it with `outriggerd --node NAME`, name another socket with "
        "--socket or OUTRIGGER_SOCKET, or a lab with --lab");
  }

  std::string where_;
  Near near_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Config::Stub> config_;
  std::unique_ptr<v1::Inspect::Stub> inspect_;
};

}  // namespace

std::unique_ptr<Api> connect(const std::string& socket) {
  return std::make_unique<Client>(socket, Near::kHere, grpc::InsecureChannelCredentials());
}

std::unique_ptr<Api> connect_over_tls(const std::string& server,
                                      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  return std::make_unique<Client>(server, Near::kElsewhere, credentials);
}

}  // namespace outrigger::cli
