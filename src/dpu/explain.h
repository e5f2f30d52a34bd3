// `explain`: why does this not get through?  A packet is made as its sender would, given to the real
// classifier where it starts, and followed through the tunnel to where it ends.
//
// Theory of operation.  This node's hop runs on the engine's published tables (Ask).  A hop on another dpu
// node runs on tables built here for that node from the same desired state, and is marked so; this node's
// too while its host carries its traffic.  Plain nodes judge nothing. Thread-safety: any number of threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/node_model.h"
#include "dpu/objects.h"
#include "engine/engine.h"
#include "outrigger/v1/inspect.pb.h"

namespace outrigger::agent {

// Engine::explain on this node's engine.
using Ask =
    std::function<absl::StatusOr<engine::Explanation>(std::span<const uint8_t> frame, PortId, TunnelId)>;

class Explainer {
 public:
  Explainer(std::string node, Ask ask, MakeBuilder make_builder)
      : node_(std::move(node)), ask_(std::move(ask)), make_builder_(std::move(make_builder)) {}

  absl::StatusOr<v1::Explanation> explain(const v1::ExplainRequest& request,
                                          const std::shared_ptr<const Snapshot>& snapshot);

  // What `node` would decide under `snapshot`; kept until another snapshot is asked about.
  absl::StatusOr<std::shared_ptr<const NodeModel>> model(const std::shared_ptr<const Snapshot>& snapshot,
                                                         const std::string& node);
  [[nodiscard]] const std::string& node() const { return node_; }
  [[nodiscard]] const Ask& ask() const { return ask_; }

 private:
  const std::string node_;
  const Ask ask_;
  const MakeBuilder make_builder_;
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;                        // under mutex_: what models_ are of
  std::map<std::string, std::shared_ptr<const NodeModel>> models_;  // under mutex_
};

}  // namespace outrigger::agent
