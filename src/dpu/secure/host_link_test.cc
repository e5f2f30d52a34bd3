// The host link over loopback, with a desk that answers: what gets through, and what a host cannot do.
#include "dpu/secure/host_link.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <random>
#include <vector>

#include "absl/time/clock.h"
#include "base/descriptor.h"
#include "dpu/secure/wire_fixture.h"
#include "outrigger/v1/link.grpc.pb.h"

namespace outrigger::secure {
namespace {

class Desk : public agent::HostDesk {
 public:
  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest& request) override {
    if (request.sequence() <= highest) return absl::AlreadyExistsError("sequence was seen before");
    highest = request.sequence();
    v1::RenewReply reply;
    reply.set_lease_ms(1000);
    return reply;
  }
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest&) override {
    return absl::NotFoundError("none newer");
  }
  uint64_t highest = 0;
};

class HostLinkTest : public WireTest {
 protected:
  void SetUp() override {
    const auto keep = [this](const v1::ShipLogsRequest& request) -> absl::StatusOr<uint64_t> {
      shipped_ += static_cast<uint64_t>(request.records_size());
      return shipped_;
    };
    const auto windows = [this](const v1::ReportWindowsRequest& request) -> absl::StatusOr<uint64_t> {
      return windows_ += static_cast<uint64_t>(request.windows_size());
    };
    auto server = HostLinkServer::listen({"127.0.0.1:0", server_files(), Rate{50, 100}}, desk_,
                                         {keep, windows}, &heard_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = dial(server_->port(), files_for(Role::kHost));
    stub_ = v1::HostLink::NewStub(channel_);
  }

  grpc::Status renew(uint64_t sequence, const std::string& node = "node-a") {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::RenewRequest request;
    request.set_node(node);
    request.set_sequence(sequence);
    v1::RenewReply reply;
    return stub_->Renew(&context, request, &reply);
  }

  Desk desk_;
  Heard heard_;
  uint64_t shipped_ = 0, windows_ = 0;
  std::unique_ptr<HostLinkServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::HostLink::Stub> stub_;
};

TEST_F(HostLinkTest, AHostSpeaksForItsOwnNodeAlone) {
  EXPECT_TRUE(renew(1).ok());
  EXPECT_EQ(renew(2, "node-b").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(desk_.highest, 1u);
  EXPECT_EQ(heard_.count("another node"), 1u);
}

TEST_F(HostLinkTest, AReplayIsRefusedAndTold) {
  EXPECT_TRUE(renew(7).ok());
  EXPECT_EQ(renew(7).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(renew(6).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(heard_.count("replay"), 1u);
  EXPECT_TRUE(renew(8).ok());
}

TEST_F(HostLinkTest, OnlyHostsAndOnlyTheLink) {
  for (const Method& method : kMethods) {
    if (listener_of(method.path) == Listener::kHostLink) continue;
    EXPECT_EQ(call(channel_, std::string(method.path)).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  }
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kPolicyAdmin, Role::kFleet}) {
    const auto other = dial(server_->port(), files_for(role));
    for (const Method& method : kMethods) {
      EXPECT_EQ(call(other, std::string(method.path)).error_code(), grpc::StatusCode::PERMISSION_DENIED)
          << name(role) << " " << method.path;
    }
  }
}

// What was connected before keeps its descriptors and memory, however many come and say nothing.
TEST_F(HostLinkTest, AFloodOfConnectionsDisturbsNoneThatIsThere) {
  ASSERT_TRUE(renew(1).ok());
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(server_->port()));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  size_t held = 0;
  std::vector<Descriptor> flood;
  for (uint64_t i = 0; i < 500; ++i) {
    flood.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    (void)connect(flood.back().get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    if (i % 100 == 99) {
      EXPECT_TRUE(renew(2 + i).ok());
    }
  }
  absl::SleepFor(absl::Milliseconds(100));
  for (const Descriptor& one : flood) {
    char byte = 0;
    held += recv(one.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN ? 1 : 0;
  }
  EXPECT_LT(held, 60u);
  EXPECT_EQ(heard_.count("connect"), 1u);
}

TEST_F(HostLinkTest, AFloodIsHeldBackAndAfterwardsTheHostIsServed) {
  int exhausted = 0;
  for (uint64_t i = 1; i <= 400; ++i)
    exhausted += renew(i).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  EXPECT_GT(exhausted, 100);
  EXPECT_EQ(heard_.count("flood"), 1u);
  absl::SleepFor(absl::Milliseconds(100));  // five calls' worth
  EXPECT_TRUE(renew(1000).ok());
}

TEST_F(HostLinkTest, GarbageAndTooMuchAreErrorsAndNothingMore) {
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    std::string bytes(random() % 300, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_FALSE(call(channel_, "/outrigger.v1.HostLink/Renew", bytes).ok());
  }
  v1::ShipLogsRequest big;
  big.set_node("node-a");
  big.add_records()->set_message(std::string(HostLinkServer::kMaxRequest, 'x'));
  EXPECT_EQ(call(channel_, "/outrigger.v1.HostLink/ShipLogs", big.SerializeAsString()).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(renew(1).ok());
}

TEST_F(HostLinkTest, BrokenConnectionsHurtNobody) {
  std::mt19937 random(11);  // fewer than are taken at once: each gets to the handshake
  for (int i = 0; i < 18; ++i) {
    const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(server_->port()));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(file, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    std::string bytes(1 + random() % 500, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (i % 2 == 0) bytes.replace(0, 3, "\x16\x03\x01", 3);  // looks like the beginning of TLS
    EXPECT_GT(send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    close(file);
  }
  EXPECT_TRUE(renew(1).ok());
}

TEST_F(HostLinkTest, LogsOfAHostAreTheHosts) {
  v1::ShipLogsRequest request;
  request.set_node("node-a");
  request.add_records()->set_side("host");
  EXPECT_TRUE(call(channel_, "/outrigger.v1.HostLink/ShipLogs", request.SerializeAsString()).ok());
  request.add_records()->set_side("dpu");
  EXPECT_EQ(call(channel_, "/outrigger.v1.HostLink/ShipLogs", request.SerializeAsString()).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(shipped_, 1u);
}

TEST_F(HostLinkTest, AHostReportsWhatItMeasuredOfItsOwnNode) {
  v1::ReportWindowsRequest request;
  request.set_node("node-a");
  request.add_windows()->set_cursor(1);
  EXPECT_TRUE(call(channel_, "/outrigger.v1.HostLink/ReportWindows", request.SerializeAsString()).ok());
  request.set_node("node-b");
  EXPECT_EQ(call(channel_, "/outrigger.v1.HostLink/ReportWindows", request.SerializeAsString()).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(windows_, 1u);
}

}  // namespace
}  // namespace outrigger::secure
