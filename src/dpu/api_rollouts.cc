#include <grpcpp/grpcpp.h>

#include "dpu/api.h"
#include "dpu/rollout/rollouts.h"
#include "outrigger/v1/rollout.grpc.pb.h"

namespace outrigger::agent {

namespace {

class RolloutsService : public v1::Rollouts::Service {
 public:
  explicit RolloutsService(Rollouts& rollouts) : rollouts_(rollouts) {}

  grpc::Status StartRollout(grpc::ServerContext* context, const v1::StartRolloutRequest* request,
                            v1::Rollout* reply) override {
    return answer(rollouts_.start(*request, caller(*context)), *reply);
  }
  grpc::Status GetRollout(grpc::ServerContext*, const v1::RolloutRequest* request,
                          v1::Rollout* reply) override {
    return answer(rollouts_.latest(request->service()), *reply);
  }
  grpc::Status ListRollouts(grpc::ServerContext*, const v1::ListRolloutsRequest* request,
                            v1::RolloutList* reply) override {
    for (v1::Rollout& one : rollouts_.list(request->service(), request->limit()))
      *reply->add_rollouts() = std::move(one);
    return grpc::Status::OK;
  }
  grpc::Status ChangeRollout(grpc::ServerContext* context, const v1::ChangeRolloutRequest* request,
                             v1::Rollout* reply) override {
    return answer(rollouts_.change(*request, caller(*context)), *reply);
  }

 private:
  static grpc::Status answer(absl::StatusOr<v1::Rollout> made, v1::Rollout& reply) {
    if (!made.ok()) return to_grpc(made.status());
    reply = *std::move(made);
    return grpc::Status::OK;
  }

  Rollouts& rollouts_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_rollouts_service(Rollouts& rollouts) {
  return std::make_unique<RolloutsService>(rollouts);
}

}  // namespace outrigger::agent
