// A daemon that answers what the test put in it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/api.h"

namespace outrigger::cli {

struct Script {
  absl::StatusOr<v1::Applied> applied = v1::Applied();
  absl::StatusOr<v1::Planned> planned = v1::Planned();
  absl::StatusOr<v1::Objects> objects = v1::Objects();
  absl::StatusOr<v1::Explanation> explanation = v1::Explanation();
  v1::Sessions sessions;
  v1::Stats stats;
  v1::Drops drops;
  v1::Capacities capacities;

  std::string socket;              // last connected to
  std::vector<v1::Batch> batches;  // given to apply
  v1::GetRequest get;              // last
  v1::ExplainRequest explain;      // last
  v1::SessionsRequest list;        // last
};

class FakeApi : public Api {
 public:
  explicit FakeApi(Script& script) : script_(script) {}
  absl::StatusOr<v1::Applied> apply(const v1::Batch& batch) override {
    script_.batches.push_back(batch);
    return script_.applied;
  }
  absl::StatusOr<v1::Planned> plan(const v1::Batch&) override { return script_.planned; }
  absl::StatusOr<v1::Objects> get(const v1::GetRequest& request) override {
    script_.get = request;
    return script_.objects;
  }
  absl::StatusOr<v1::Explanation> explain(const v1::ExplainRequest& request) override {
    script_.explain = request;
    return script_.explanation;
  }
  absl::StatusOr<v1::Sessions> sessions(const v1::SessionsRequest& request) override {
    script_.list = request;
    return script_.sessions;
  }
  absl::StatusOr<v1::Stats> stats() override { return script_.stats; }
  absl::StatusOr<v1::Drops> drops(bool) override { return script_.drops; }
  absl::StatusOr<v1::Capacities> capacity() override { return script_.capacities; }

 private:
  Script& script_;
};

}  // namespace outrigger::cli
