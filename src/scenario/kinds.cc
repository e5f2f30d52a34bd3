#include "scenario/kinds.h"

namespace outrigger::scenario {

const std::vector<Description>& all() {
  static const std::vector<Description> list = {
      {Kind::kTailLatency, "tail-latency", "Redis under a strict p99 budget", "redis", 6379, 1000, 1},
      {Kind::kGateway, "gateway", "nginx with many short connections", "http", 8080, 500, 5},
      {Kind::kInferenceEdge, "inference-edge", "small requests beside bulk transfers", "http", 8080, 500, 5},
      {Kind::kMultiTenant, "multi-tenant", "Redis beside a tenant that is scanned and flooded", "redis", 6379,
       1000, 2},
  };
  return list;
}

std::optional<Description> find(std::string_view name) {
  for (const Description& one : all()) {
    if (one.name == name) return one;
  }
  return std::nullopt;
}

}  // namespace outrigger::scenario
