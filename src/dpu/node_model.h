// What another node would decide can be asked of nobody here, but it can be worked out: the same desired
// state compiled for that node, the same tables built, the same decide() run.  Its tunnels count as resolved:
// only that node knows. Thread-safety: immutable once built.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/objects.h"
#include "engine/engine.h"
#include "engine/tables.h"

namespace outrigger::agent {

using MakeBuilder = std::function<std::unique_ptr<engine::TableBuilder>()>;

class NodeModel {
 public:
  // NotFound when the node is none; FailedPrecondition when it is no dpu node.
  static absl::StatusOr<std::shared_ptr<const NodeModel>> build(const Snapshot& snapshot,
                                                                const std::string& node,
                                                                const MakeBuilder& make_builder);

  [[nodiscard]] engine::Explanation explain(std::span<const uint8_t> frame, PortId port,
                                            TunnelId tunnel) const;
  [[nodiscard]] const compiler::Compiled& compiled() const { return compiled_; }
  [[nodiscard]] const Names& names() const { return names_; }
  // Where frames of `network` from the node `peer` arrive; kNoTunnel when none may.
  [[nodiscard]] TunnelId tunnel_from(const std::string& peer, Vni vni) const;

 private:
  NodeModel() = default;
  compiler::Compiled compiled_;
  Names names_;
  std::unique_ptr<engine::TableBuilder> builder_;
  const engine::Tables* tables_ = nullptr;
};

// The port of an endpoint ("shop/web-1") on the node something was compiled for; kNoPort when it is
// elsewhere.
PortId port_of(const compiler::Compiled& compiled, const std::string& endpoint);

}  // namespace outrigger::agent
