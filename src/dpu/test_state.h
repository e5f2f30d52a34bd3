// A desired state on a fake engine, fed with YAML.  For tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/test_folder.h"
#include "dpu/desired_state.h"
#include "dpu/fake_engine.h"
#include "gtest/gtest.h"
#include "manifest/read.h"

namespace outrigger::agent {

inline constexpr const char* kTwoNodes = R"(
kind: Node
metadata: {name: host-a}
spec: {kind: dpu, underlay: [192.0.2.1]}
---
kind: Node
metadata: {name: host-b}
spec: {kind: dpu, underlay: [192.0.2.2]}
---
kind: Node
metadata: {name: host-c}
spec: {kind: plain, underlay: [192.0.2.3]}
---
kind: Network
metadata: {name: blue}
spec: {vni: 100, mtu: 1450, subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1}, {cidr: 10.1.1.0/24, gateway: 10.1.1.1}]}
)";

inline std::string endpoint(const std::string& name, const std::string& node, const std::string& address,
                            const std::string& mac, const std::string& app) {
  return "---\nkind: Endpoint\nmetadata: {name: " + name + ", namespace: shop, labels: {app: " + app +
         "}}\nspec: {node: " + node + ", network: blue, addresses: [" + address + "], mac: \"" + mac +
         "\"}\n";
}

// Only app=client reaches app=web, on TCP 8080.
inline constexpr const char* kWebPolicy = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
    - from: [{podSelector: {matchLabels: {app: client}}}]
      ports: [{protocol: TCP, port: 8080}]
)";

inline Batch batch(const std::string& yaml, const std::string& file = "test.yaml") {
  manifest::Reading reading = manifest::read(yaml, file);
  return {std::move(reading.documents), {}, std::move(reading.faults)};
}

struct TestState {
  explicit TestState(std::string name = "host-a") : node(std::move(name)) { restart(); }

  // As a new process would come up: from the file alone, with an engine that knows nothing.
  void restart() {
    state.reset();
    engine = std::make_unique<FakeEngine>();
    auto store = Store::open(folder.file("state.db"));
    ASSERT_TRUE(store.ok()) << store.status();
    auto loaded = DesiredState::load(*std::move(store), node, {"up", "ep%u"},
                                     [this](const std::string& update) { return publish(update); });
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    state = *std::move(loaded);
  }
  absl::StatusOr<Applied> apply(const std::string& yaml) { return state->apply(batch(yaml)); }

  absl::StatusOr<Epoch> publish(const std::string& update) {
    absl::StatusOr<Epoch> epoch = engine->apply(update);
    if (epoch.ok() && on_publish) on_publish(engine->updates.back().generation());
    return epoch;
  }

  std::string node;
  std::function<void(uint64_t generation)> on_publish;  // between the engine's yes and the commit
  TestFolder folder;
  std::unique_ptr<FakeEngine> engine;
  std::unique_ptr<DesiredState> state;
};

}  // namespace outrigger::agent
