// Any unary method by its full name, with any bytes: what generated stubs cannot say, for who tries what is
// not allowed.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

namespace outrigger::secure {

// Waits for the answer, at most `patience`.  `reply`: its bytes, when it is OK; may be null.
grpc::Status call_by_name(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                          const std::string& bytes, std::chrono::milliseconds patience,
                          std::string* reply = nullptr);

}  // namespace outrigger::secure
