// grpc.health.v1.Health/Check without its generated code: a name in, a number out.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/health/reach.h"

namespace outrigger::agent {

namespace {

constexpr char kServing[] = "\x08\x01";  // HealthCheckResponse{status: SERVING}

std::string request(
    const std::string& service) {  // HealthCheckRequest{service}; names are below 128 bytes long
  if (service.empty()) return "";
  std::string out = "\x0a";
  for (size_t size = service.size();; size >>= 7) {
    out.push_back(static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
    if (size <= 0x7f) break;
  }
  return out + service;
}

std::string text_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string out;
  for (const grpc::Slice& slice : slices)
    out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

}  // namespace

Finding try_grpc(const IpAddress& address, uint16_t port, const std::string& service,
                 absl::Duration timeout) {
  const absl::Time begun = steady_time();
  const std::string where = address.is_v4() ? absl::StrCat("ipv4:", address.str(), ":", port)
                                            : absl::StrCat("ipv6:[", address.str(), "]:", port);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
                   1);  // a fresh connection each time: that is what is tried
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  grpc::GenericStub stub(grpc::CreateCustomChannel(where, grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
  const grpc::Slice slice(request(service));
  const grpc::ByteBuffer call(&slice, 1);
  grpc::CompletionQueue queue;
  const auto rpc = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", call, &queue);
  rpc->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  rpc->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  (void)queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  const absl::Duration took = steady_time() - begun;
  if (!status.ok()) return {ProbeOutcome::kFail, absl::StrCat(where, ": ", status.error_message()), took};
  if (text_of(answer) != kServing)
    return {ProbeOutcome::kFail, absl::StrCat(where, " says it is not serving"), took};
  return {ProbeOutcome::kPass, absl::StrCat(where, " says it is serving"), took};
}

}  // namespace outrigger::agent
