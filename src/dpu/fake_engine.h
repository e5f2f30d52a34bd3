// An engine that moves nothing: it remembers the updates it was given and refuses when told to.  For tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::agent {

class FakeEngine : public engine::Engine {
 public:
  absl::StatusOr<Epoch> apply(std::string_view bytes) override {
    if (!refuse.empty()) return absl::InternalError(refuse);
    engine::v1::Update update;
    if (!update.ParseFromString(std::string(bytes))) return absl::InvalidArgumentError("no update");
    for (const auto& port : update.structure().ports()) {
      if (port.device() == refuse_device)
        return absl::InternalError("port \"" + port.device() + "\": attach: No such device");
    }
    updates.push_back(std::move(update));
    return Epoch(static_cast<uint32_t>(updates.size()));
  }
  absl::StatusOr<engine::Explanation> explain(std::span<const uint8_t>, PortId, TunnelId) override {
    return engine::Explanation{};
  }
  engine::Figures figures() override { return figures_now; }
  std::vector<engine::Session> sessions(size_t limit) override {
    std::vector<engine::Session> some = sessions_now;
    if (some.size() > limit) some.resize(limit);
    return some;
  }
  void tend() override { ++tended; }

  std::string refuse;         // when set: why
  std::string refuse_device;  // when set: this one cannot be attached
  std::vector<engine::v1::Update> updates;
  engine::Figures figures_now;
  std::vector<engine::Session> sessions_now;
  int tended = 0;
};

}  // namespace outrigger::agent
