#include "dpu/secure/call_by_name.h"

#include <grpcpp/generic/generic_stub.h>

#include <vector>

namespace outrigger::secure {

namespace {

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string out;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return out;
  for (const grpc::Slice& slice : slices)
    out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

}  // namespace

grpc::Status call_by_name(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                          const std::string& bytes, std::chrono::milliseconds patience, std::string* reply) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer answer;
  grpc::Status status;
  const auto rpc = stub.PrepareUnaryCall(&context, method, request, &queue);
  rpc->StartCall();
  rpc->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool done = false;
  queue.Next(&tag, &done);
  if (status.ok() && reply != nullptr) *reply = bytes_of(answer);
  return status;
}

}  // namespace outrigger::secure
