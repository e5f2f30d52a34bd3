#include "dpu/health/services_of_node.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <algorithm>

#include "dpu/health/patience.h"

namespace outrigger::agent {

ServicesOfNode::ServicesOfNode(Parts parts, Events& events) : parts_(std::move(parts)) {
  if (parts_.sidecars) sidecars_ = std::make_unique<Sidecars>(*parts_.sidecars, events);
  HealthOfNode::Settings settings;
  settings.sources = sources();
  settings.engine_version = parts_.version;
  health_ = std::make_unique<HealthOfNode>(std::move(settings), events);
  api_ = make_health_service(view());
}

ServicesOfNode::~ServicesOfNode() {
  stop();
  api_.reset();
  health_.reset();
}

ProbeSources ServicesOfNode::sources() {
  ProbeSources out;
  out.node = parts_.node;
  out.drops = drops_;
  out.echo = patient(parts_.echo);
  out.figures = parts_.figures;
  out.beats = parts_.beats;
  out.links_down = parts_.links_down;
  out.peer_probed = parts_.peer_probed;
  out.plan = [this] {
    const bool silent = parts_.silent && parts_.silent();
    const std::lock_guard lock(mutex_);
    std::optional<compiler::HealthPlan> plan = plan_;
    if (plan && silent) plan->peers.clear();
    return plan;
  };
  if (!parts_.state_folder.empty())
    out.store = [folder = parts_.state_folder] { return write_and_read(folder); };
  if (sidecars_ != nullptr) {
    out.exec = [this](const std::string& service, const std::vector<std::string>& command,
                      absl::Duration timeout) { return sidecars_->exec(service, command, timeout); };
  }
  return out;
}

HealthView ServicesOfNode::view() { return {health_->board(), parts_.node, parts_.placement}; }

void ServicesOfNode::reload(const std::vector<const manifest::Object*>& objects) {
  const bool known = std::any_of(objects.begin(), objects.end(), [this](const manifest::Object* object) {
    const auto* node = std::get_if<manifest::Node>(object);
    return node != nullptr && node->meta.name == parts_.node;
  });
  {
    const std::lock_guard lock(mutex_);
    plan_ = known ? std::optional(compiler::plan_health(objects, parts_.node)) : std::nullopt;
  }
  if (sidecars_ != nullptr) sidecars_->reload(objects);
  health_->reload(objects);
}

void ServicesOfNode::serve(grpc::Server& server) {
  grpc_ = std::make_unique<GrpcHealth>(server, health_->board());
}

absl::Status ServicesOfNode::listen(const std::string& address) {
  const auto figures = [this] {
    NodeFigures now = parts_.metrics ? parts_.metrics() : NodeFigures{};
    without_probes(now.engine);
    return now;
  };
  auto http = Management::listen(address, view(), figures);
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

void ServicesOfNode::stop() {
  if (api_ != nullptr) end_watches(*api_);
  grpc_.reset();
  http_.reset();
}

}  // namespace outrigger::agent
