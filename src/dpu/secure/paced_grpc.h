// From a listener of ours into a gRPC server.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>

#include "dpu/secure/paced_listener.h"

namespace outrigger::secure {

inline PacedListener::Take into(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor) {
  return [to = std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor>(std::move(acceptor))](
             Descriptor connection) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters one;
    one.fd = connection.release();
    to->HandleNewConnection(&one);
  };
}

}  // namespace outrigger::secure
