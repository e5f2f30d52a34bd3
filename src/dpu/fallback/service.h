// outrigger.v1.Fallback: status, orders and drills, for operators.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dpu/fallback/desk.h"
#include "dpu/stored_answers.h"

namespace grpc {
class Service;
}

namespace outrigger::agent {

struct FallbackView {
  Desk& desk;
  std::string node;
  std::function<std::vector<std::string>()> services;       // whose contract allows the host path
  std::function<std::set<std::string>()> peers_in_force{};  // not set: none
  NoteMemory notes{};                                       // answers outlive the agent there
};

// Calls that a drill is in last as long as it; they end early when the caller goes away.
std::unique_ptr<grpc::Service> make_fallback_service(FallbackView view);

}  // namespace outrigger::agent
