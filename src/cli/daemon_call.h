// A call on a daemon's channel, for commands with a stub of their own.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"

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
