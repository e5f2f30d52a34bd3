// Health as others ask for it: outrigger.v1.HealthReport, grpc.health.v1, and over HTTP for what probes and
// scrapes a machine: /livez, /readyz, /metrics. Thread-safety: any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/health/board.h"
#include "dpu/health/metrics.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace outrigger::agent {

struct HealthView {
  Board& board;
  std::string node;
  // Where a service runs now: "dpu", "host", "closed".  Not set: "dpu".
  std::function<std::string(const std::string& service)> placement;
};

// Ends its watches when told to by `end_watches`, which must be before the server is shut down.
std::unique_ptr<grpc::Service> make_health_service(HealthView view);
void end_watches(grpc::Service& health_service);

// grpc.health.v1: every service under its name, "" for all.  Call enable before the server is built.
void enable_grpc_health();
class GrpcHealth {
 public:
  GrpcHealth(grpc::Server& server, Board& board);  // keeps the server's answers as the board says
  ~GrpcHealth();
  GrpcHealth(const GrpcHealth&) = delete;
  GrpcHealth& operator=(const GrpcHealth&) = delete;

 private:
  void tell();
  grpc::Server& server_;
  Board& board_;
  std::mutex mutex_;
  std::set<std::string> told_;  // names that were served once stay, as not serving
  uint64_t watcher_ = 0;
};

// HTTP on "127.0.0.1:9464" or "[::1]:9464".
class Management {
 public:
  static absl::StatusOr<std::unique_ptr<Management>> listen(const std::string& address, HealthView view,
                                                            std::function<NodeFigures()> figures);
  virtual ~Management() = default;
};

}  // namespace outrigger::agent
