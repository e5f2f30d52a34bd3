#include "dpu/doors.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <spdlog/spdlog.h>

#include "dpu/journal/answers.h"
#include "dpu/journal/service.h"
#include "services/services.h"

namespace outrigger::agent {

absl::StatusOr<std::unique_ptr<Doors>> Doors::open(Needs needs) {
  std::unique_ptr<Doors> doors(new Doors(std::move(needs)));
  doors->make_services();
  if (absl::Status status = doors->open_management(); !status.ok()) return status;
  if (absl::Status status = doors->open_host_link(); !status.ok()) return status;
  return doors;
}

Doors::~Doors() {
  host_link_.reset();
  needs_.services.stop();
  server_.reset();
  apis_.clear();
}

// What may be asked, and who answers.
void Doors::make_services() {
  const auto ask = [this](std::span<const uint8_t> frame, PortId port, TunnelId tunnel) {
    return needs_.engine.call([&](engine::Engine& e) { return e.explain(frame, port, tunnel); });
  };
  explainer_ = std::make_unique<Explainer>(needs_.options.node, ask, services::make_builder);
  apis_.push_back(make_engines_service(
      needs_.supervisor, needs_.state, [this] { return needs_.host.consumers(); }, needs_.notes));
  apis_.push_back(make_rollouts_service(needs_.rollouts));
  apis_.push_back(make_journal_service(needs_.journal));
  FallbackView fallback = needs_.host.view();
  fallback.notes = needs_.notes;
  apis_.push_back(make_fallback_service(std::move(fallback)));
  std::vector<grpc::Service*> more = {needs_.services.api()};
  for (const auto& api : apis_) more.push_back(api.get());
  agent_ =
      std::make_unique<Agent>(Agent{needs_.engine, needs_.state, *explainer_, needs_.since, std::move(more)});
  agent_->listen = {needs_.options.listen, tls()};
  agent_->events = &needs_.events;
  agent_->notes = needs_.notes;
  agent_->without_probes = [this](engine::Figures& figures) { needs_.services.without_probes(figures); };
}

absl::Status Doors::open_management() {
  if (needs_.options.reflection) secure::offer_reflection();
  enable_grpc_health();
  auto server = Server::listen(*agent_, needs_.options.socket);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  needs_.services.serve(server_->grpc());
  spdlog::info("listening on {}{}{}", needs_.options.socket, needs_.options.listen.empty() ? "" : " and ",
               needs_.options.listen);
  if (!needs_.options.metrics.empty()) {
    if (absl::Status status = needs_.services.listen(needs_.options.metrics); !status.ok()) return status;
    spdlog::info("/livez, /readyz and /metrics on {}", needs_.options.metrics);
  }
  return absl::OkStatus();
}

absl::Status Doors::open_host_link() {
  if (needs_.options.host_link.empty()) return absl::OkStatus();
  const secure::HostLinkSinks sinks{
      [this](const v1::ShipLogsRequest& request) { return keep_shipped(needs_.journal, request); },
      [this](const v1::ReportWindowsRequest& request) { return needs_.host.observations().take(request); }};
  auto link = secure::HostLinkServer::listen({needs_.options.host_link, tls(), {}}, needs_.host.desk(), sinks,
                                             &needs_.events);
  if (!link.ok()) return link.status();
  host_link_ = *std::move(link);
  spdlog::info("the host may call {}", needs_.options.host_link);
  return absl::OkStatus();
}

}  // namespace outrigger::agent
