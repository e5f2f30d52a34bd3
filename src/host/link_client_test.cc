// The host's calls against the DPU's real listener over loopback.
#include "host/link_client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "dpu/secure/host_link.h"
#include "dpu/secure/wire_fixture.h"

namespace outrigger::host {
namespace {

class Desk : public agent::HostDesk {
 public:
  absl::StatusOr<v1::RenewReply> renew(const v1::RenewRequest&) override {
    v1::RenewReply reply;
    reply.set_lease_ms(1234);
    return reply;
  }
  absl::StatusOr<v1::SignedBundle> fetch(const v1::FetchBundleRequest&) override {
    v1::SignedBundle bundle;
    bundle.set_bundle(std::string(32 << 20, 'b'));  // more than gRPC takes by itself
    return bundle;
  }
};

class LinkClientTest : public secure::WireTest {
 protected:
  std::unique_ptr<secure::HostLinkServer> serve(const std::string& address) {
    auto server = secure::HostLinkServer::listen(
        {address, server_files(), secure::Rate{}}, desk_,
        {[](const v1::ShipLogsRequest&) -> absl::StatusOr<uint64_t> { return 9; },
         [](const v1::ReportWindowsRequest&) -> absl::StatusOr<uint64_t> { return 11; }},
        nullptr);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  std::unique_ptr<Link> client(int port, const std::string& node = "node-a") {
    auto link = host::dial({absl::StrCat("127.0.0.1:", port), files_for(secure::Role::kHost), node});
    EXPECT_TRUE(link.ok()) << link.status();
    return *std::move(link);
  }
  static v1::RenewRequest request() {
    v1::RenewRequest one;
    one.set_node("node-a");
    return one;
  }
  // Calls until one succeeds.
  static bool renewed_within(Link& link, absl::Duration patience) {
    const absl::Time end = absl::Now() + patience;
    while (absl::Now() < end) {
      if (link.renew(request()).ok()) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }

  Desk desk_;
};

TEST_F(LinkClientTest, FourCallsFourAnswers) {
  const auto server = serve("127.0.0.1:0");
  const auto link = client(server->port());
  const auto lease = link->renew(request());
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->lease_ms(), 1234u);
  v1::FetchBundleRequest fetch;
  fetch.set_node("node-a");
  EXPECT_EQ(link->fetch(fetch)->bundle().size(), 32u << 20);
  v1::ShipLogsRequest ship;
  ship.set_node("node-a");
  EXPECT_EQ(link->ship(ship)->kept_to(), 9u);
  v1::ReportWindowsRequest report;
  report.set_node("node-a");
  EXPECT_EQ(link->report(report)->kept_to(), 11u);
}

TEST_F(LinkClientTest, AnotherNodesDpuIsNotTrusted) {
  const auto server = serve("127.0.0.1:0");
  EXPECT_FALSE(client(server->port(), "node-b")->renew(request()).ok());
}

TEST_F(LinkClientTest, ASilentPeerCostsADeadlineAndIsLeftBehind) {
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // takes connections and says nothing
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  ASSERT_EQ(bind(silent, reinterpret_cast<sockaddr*>(&at), length), 0);
  ASSERT_EQ(listen(silent, 16), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&at), &length), 0);
  const int port = ntohs(at.sin_port);
  const auto link = client(port);
  const absl::Time before = absl::Now();
  EXPECT_EQ(link->renew(request()).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(absl::Now() - before, absl::Milliseconds(900));
  close(silent);
  const auto server = serve(absl::StrCat("127.0.0.1:", port));
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(renewed_within(*link, absl::Seconds(4)));
}

TEST_F(LinkClientTest, ADpuThatIsBackIsFoundSoon) {
  auto server = serve("127.0.0.1:0");
  const int port = server->port();
  const auto link = client(port);
  ASSERT_TRUE(link->renew(request()).ok());
  server.reset();
  EXPECT_FALSE(link->renew(request()).ok());
  server = serve(absl::StrCat("127.0.0.1:", port));
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(renewed_within(*link, absl::Seconds(2)));
}

TEST_F(LinkClientTest, AMissingCertificateIsNamed) {
  const auto link = host::dial({"127.0.0.1:1", {"/no/such.pem", "", folder_ + "/ca.crt"}, "node-a"});
  EXPECT_NE(std::string(link.status().message()).find("/no/such.pem"), std::string::npos);
}

}  // namespace
}  // namespace outrigger::host
