// The commands speak to daemons through this, so that a test can answer in their place and gRPC stays in one
// file. Every call may fail with Unavailable, whose message names the socket and the way out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "outrigger/v1/config.pb.h"
#include "outrigger/v1/inspect.pb.h"

namespace grpc {
class Channel;
class ChannelCredentials;
}  // namespace grpc

namespace outrigger::cli {

class Api {
 public:
  virtual ~Api() = default;
  virtual absl::StatusOr<v1::Applied> apply(const v1::Batch& batch) = 0;
  virtual absl::StatusOr<v1::Planned> plan(const v1::Batch& batch) = 0;
  virtual absl::StatusOr<v1::Objects> get(const v1::GetRequest& request) = 0;
  virtual absl::StatusOr<v1::Explanation> explain(const v1::ExplainRequest& request) = 0;
  virtual absl::StatusOr<v1::Sessions> sessions(const v1::SessionsRequest& request) = 0;
  virtual absl::StatusOr<v1::Stats> stats() = 0;
  virtual absl::StatusOr<v1::Drops> drops(bool all) = 0;
  virtual absl::StatusOr<v1::Capacities> capacity() = 0;
  // For the commands with a service and a file of their own; null in a test's stand-in.
  virtual std::shared_ptr<grpc::Channel> channel() { return nullptr; }
};

// Opens the API on a socket; does not wait for it.
using Connect = std::function<std::unique_ptr<Api>(const std::string& socket)>;

std::unique_ptr<Api> connect(const std::string& socket);
std::unique_ptr<Api> connect_over_tls(const std::string& server,
                                      const std::shared_ptr<grpc::ChannelCredentials>& credentials);

}  // namespace outrigger::cli
