// A call on a daemon's channel, for commands with a stub of their own.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/request_id.h"

namespace outrigger::cli {

inline absl::Status to_status(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE)
    return absl::UnavailableError(
        absl::StrCat("cannot reach outriggerd: ", status.error_message(),
                     "\nis it running? `systemctl status outriggerd`; one elsewhere is named by --server"));
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// The stub of a service on the daemon that the options name.
template <typename Service>
absl::StatusOr<std::unique_ptr<typename Service::Stub>> stub(const Context& context) {
  const absl::StatusOr<Target> daemon = target(context);
  if (!daemon.ok()) return daemon.status();
  const std::shared_ptr<grpc::Channel> channel = daemon->api->channel();
  if (channel == nullptr) return absl::UnimplementedError("this connection has no channel");
  return Service::NewStub(channel);
}

// It may have been done: it was on its way when the connection was lost.
inline bool answer_lost(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         !absl::StrContains(status.error_message(), "failed to connect");
}

// The daemon is back before it is asked again.
inline bool back_again(grpc::Channel& channel) {
  return channel.WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
}

// As a stub, of a daemon that is to be changed: in a lab of several nodes one must be named.
template <typename Service>
struct Writer {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<typename Service::Stub> stub;
};

template <typename Service>
absl::StatusOr<Writer<Service>> writer(const Context& context) {
  const absl::StatusOr<Target> daemon = target_to_change(context);
  if (!daemon.ok()) return daemon.status();
  std::shared_ptr<grpc::Channel> channel = daemon->api->channel();
  if (channel == nullptr) return absl::UnimplementedError("this connection has no channel");
  auto stub = Service::NewStub(channel);
  return Writer<Service>{std::move(channel), std::move(stub)};
}

// Asks until there is an answer: one that was lost on the way is asked for again, by the same request id.
template <typename Attempt>
absl::Status insist(Context& context, grpc::Channel& channel, const Attempt& attempt) {
  for (int more = 2;; --more) {
    const grpc::Status status = attempt();
    if (more == 0 || !answer_lost(status) || !back_again(channel)) return to_status(status);
    context.err << "no answer (" << status.error_message() << "): asking again, by the same request id\n";
  }
}

template <typename Reply, typename Service, typename Method, typename Request>
absl::StatusOr<Reply> change(Context& context, const Writer<Service>& writer, Method method,
                             const Request& request) {
  Reply reply;
  const absl::Status status = insist(context, *writer.channel, [&] {
    grpc::ClientContext call;
    call.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    return ((*writer.stub).*method)(&call, request, &reply);
  });
  if (!status.ok()) return status;
  return reply;
}

template <typename Reply, typename Stub, typename Method, typename Request>
absl::StatusOr<Reply> call(Stub& stub, Method method, const Request& request,
                           std::chrono::seconds patience = std::chrono::seconds(60)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  Reply reply;
  const absl::Status status = to_status((stub.*method)(&context, request, &reply));
  if (!status.ok()) return status;
  return reply;
}

}  // namespace outrigger::cli
