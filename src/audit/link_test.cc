// Every attempt on the link twice: on the real gate, which must hold, and on a server without it, which the
// audit must call broken.
#include <grpcpp/grpcpp.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/time/clock.h"
#include "audit/attempts.h"
#include "audit/scene.h"
#include "base/ed25519.h"
#include "base/local_socket.h"
#include "dpu/secure/files.h"
#include "dpu/secure/wire_fixture.h"
#include "outrigger/v1/config.grpc.pb.h"
#include "outrigger/v1/link.grpc.pb.h"

namespace outrigger::audit {
namespace {

using secure::Role;

// Before gRPC starts a thread: a network namespace of the tests' own, so that no agent of another's is
// killed.
class OwnNetwork : public testing::Environment {
  void SetUp() override {
    if (geteuid() != 0) return;
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_EQ(std::system("ip link set lo up"), 0);
  }
};
const testing::Environment* const kOwnNetwork = testing::AddGlobalTestEnvironment(new OwnNetwork);

// Answers as a DPU's desk does; reckless, it believes everything.
class Link : public v1::HostLink::Service {
 public:
  grpc::Status Renew(grpc::ServerContext*, const v1::RenewRequest* request, v1::RenewReply* reply) override {
    if (!reckless && (request->sequence() <= highest || request->node() != "node-a"))
      return {grpc::StatusCode::ALREADY_EXISTS, "was seen before"};
    if (!reckless && request->fallback_state() != "dormant" && request->fallback_state() != "active")
      return {grpc::StatusCode::INVALID_ARGUMENT, "not known"};
    highest = request->sequence();
    reply->set_lease_ms(1000);
    reply->set_carries(!reckless || request->fallback_state() != "active");
    return grpc::Status::OK;
  }
  grpc::Status FetchBundle(grpc::ServerContext* context, const v1::FetchBundleRequest* request,
                           v1::SignedBundle* reply) override {
    const secure::Caller caller = secure::caller_of(*context);
    if (!reckless && caller.identity && caller.identity->name != request->node())
      return {grpc::StatusCode::PERMISSION_DENIED, "of another node"};
    if (request->node() != "node-a" && !reckless) return {grpc::StatusCode::INVALID_ARGUMENT, "another node"};
    *reply = bundle;
    return grpc::Status::OK;
  }
  bool reckless = false;
  uint64_t highest = 0;
  v1::SignedBundle bundle;
};

class Config : public v1::Config::Service {
  grpc::Status Get(grpc::ServerContext*, const v1::GetRequest*, v1::Objects*) override {
    return grpc::Status::OK;
  }
  grpc::Status Apply(grpc::ServerContext*, const v1::Batch*, v1::Applied*) override {
    return grpc::Status::OK;
  }
};

class AuditTest : public secure::WireTest {
 protected:
  AuditTest() {
    auto pki = secure::Pki::open(folder_);
    issue(*pki, Role::kHost, "node-b");
    link_.bundle = bundle(1);
    EXPECT_TRUE(key_.save(folder_ + "/signing.key").ok());
  }

  void serve(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterService(&link_);
    builder.RegisterService(&config_);
    builder.SetMaxReceiveMessageSize(1 << 20);
    server_ = builder.BuildAndStart();
  }
  void serve_guarded(std::optional<secure::Rate> rate = std::nullopt) {
    auto gate = std::make_shared<secure::Gate>(
        secure::Gate::Options{secure::Listener::kHostLink, "test.local", rate}, nullptr);
    serve(*secure::server_credentials(server_files(), gate));
  }
  // TLS that asks for this much of a client, and no gate.
  void serve_open(grpc_ssl_client_certificate_request_type asks) {
    const std::string pem = *secure::read_file(server_files().certificate);
    grpc::SslServerCredentialsOptions options(asks);
    options.pem_root_certs = *secure::read_file(server_files().authority);
    options.pem_key_cert_pairs.push_back({pem, pem});
    serve(grpc::SslServerCredentials(options));
  }

  Settings settings() const {
    Settings made;
    made.link = absl::StrCat("127.0.0.1:", port_);
    made.node = "node-a";
    made.files = files_for(Role::kHost);
    made.wrong_role = files_for(Role::kFleet).certificate;
    made.stolen = secure::leaf_path(folder_, Role::kHost, "node-b");
    made.bundle_key = folder_ + "/signing.key.pub";
    return made;
  }
  Verdict tried(Verdict (*attempt)(Scene&), const Settings& with) {
    Scene scene(with);
    return attempt(scene);
  }
  Verdict tried(Verdict (*attempt)(Scene&)) { return tried(attempt, settings()); }

  v1::SignedBundle bundle(uint64_t sequence) const {
    v1::HostBundle content;
    content.set_node("node-a");
    content.set_generation(7);
    content.set_sequence(sequence);
    content.set_not_before(absl::ToUnixSeconds(absl::Now()));
    content.set_not_after(absl::ToUnixSeconds(absl::Now() + absl::Hours(1)));
    v1::SignedBundle out;
    out.set_bundle(content.SerializeAsString());
    out.set_signature(key_.sign(bundle_message(out.bundle())));
    out.set_key_id(key_.id());
    return out;
  }

  const Ed25519Key key_ = *Ed25519Key::make();
  Link link_;
  Config config_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

#define EXPECT_OUTCOME(verdict, expected)                                    \
  do {                                                                       \
    const Verdict seen = verdict;                                            \
    EXPECT_EQ(name(seen.outcome), name(Outcome::expected)) << seen.evidence; \
  } while (false)

TEST_F(AuditTest, TheGateHolds) {
  serve_guarded();
  for (const auto attempt :
       {call_without_tls, call_without_certificate, call_with_foreign_authority, call_with_wrong_role,
        call_with_stolen_certificate, call_every_method, change_policy, read_policy})
    EXPECT_OUTCOME(tried(attempt), kHeld);
}

TEST_F(AuditTest, AServerInPlainTextIsBroken) {
  serve(grpc::InsecureServerCredentials());
  EXPECT_OUTCOME(tried(call_without_tls), kBroken);
}

TEST_F(AuditTest, AServerThatAsksForNoCertificateIsBroken) {
  serve_open(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  EXPECT_OUTCOME(tried(call_without_certificate), kBroken);
}

TEST_F(AuditTest, AServerThatChecksNoCertificateIsBroken) {
  serve_open(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  EXPECT_OUTCOME(tried(call_with_foreign_authority), kBroken);
}

TEST_F(AuditTest, AServerWithoutAGateIsBroken) {
  link_.reckless = true;
  serve_open(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  EXPECT_OUTCOME(tried(call_with_foreign_authority), kHeld);
  for (const auto attempt :
       {call_with_wrong_role, call_with_stolen_certificate, call_every_method, change_policy, read_policy})
    EXPECT_OUTCOME(tried(attempt), kBroken);
  Settings with_api = settings();
  with_api.apis = {with_api.link};
  EXPECT_OUTCOME(tried(call_the_api, with_api), kBroken);
}

TEST_F(AuditTest, SilenceProvesNothing) {
  Settings nobody = settings();
  nobody.link = "127.0.0.1:1";
  for (const auto attempt : {call_without_tls, call_without_certificate, call_with_wrong_role,
                             call_every_method, read_policy, replay_bundles, try_every_port})
    EXPECT_OUTCOME(tried(attempt, nobody), kNotTried);
  for (const auto attempt : {call_without_tls, call_every_method, replay_bundles, read_keys_as_root,
                             spoof_mac, reach_the_denied, kill_the_agent, flood_sessions, try_every_port})
    EXPECT_OUTCOME(tried(attempt, Settings()), kNotTried);
}

TEST_F(AuditTest, AnApiOutOfReachHolds) {
  serve_guarded();
  Settings with_api = settings();
  with_api.apis = {"127.0.0.1:1"};
  EXPECT_OUTCOME(tried(call_the_api, with_api), kHeld);
}

TEST_F(AuditTest, AnOpenPortIsFound) {
  serve_guarded();
  const auto door = EchoServer::listen("", 39917);
  ASSERT_TRUE(door.ok()) << door.status();
  const std::vector<uint16_t> ports = {static_cast<uint16_t>(port_), 39916, 39917};
  const auto found = scan("", *IpAddress::parse("127.0.0.1"), ports, Milliseconds(5000));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->open, (std::vector<uint16_t>{ports[0], 39917}));
  EXPECT_EQ(found->refused, 1u);
}

TEST_F(AuditTest, ReplayedBundlesAreRefusedUnlessTheirNumbersWrap) {
  serve_guarded();
  const Verdict forged = tried(forge_bundles);
  EXPECT_OUTCOME(forged, kHeld);
  for (const char* refusal : {"unsigned:", "bad_signature:", "other_key:"})
    EXPECT_NE(forged.evidence.find(refusal), std::string::npos) << forged.evidence;
  const Verdict replayed = tried(replay_bundles);
  EXPECT_OUTCOME(replayed, kHeld);
  for (const char* refusal : {"older:", "expired:", "not_yet_valid:", "other_node:"})
    EXPECT_NE(replayed.evidence.find(refusal), std::string::npos) << replayed.evidence;
  link_.bundle = bundle(~uint64_t{0});  // nothing can be newer than this one
  EXPECT_OUTCOME(tried(replay_bundles), kBroken);
  link_.bundle.clear_signature();
  EXPECT_OUTCOME(tried(replay_bundles), kNotTried);
}

TEST_F(AuditTest, KeysAreFoundWhereTheyLieOpen) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  serve_guarded();
  Settings searching = settings();
  searching.folders = {folder_};
  chmod(folder_.c_str(), 0755);
  EXPECT_OUTCOME(tried(read_keys_as_root, searching), kBroken);
  EXPECT_OUTCOME(tried(read_keys_as_nobody, searching), kHeld);
  chmod(server_files().certificate.c_str(), 0644);
  EXPECT_OUTCOME(tried(read_keys_as_nobody, searching), kBroken);
  std::filesystem::create_directory(folder_ + "/empty");
  searching.folders = {folder_ + "/empty"};
  EXPECT_OUTCOME(tried(read_keys_as_root, searching), kHeld);
}

TEST_F(AuditTest, ASocketForEverybodyIsFound) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const std::string path = folder_ + "/api.sock";
  const auto socket = listen_at(path, SocketKind::kStream);
  ASSERT_TRUE(socket.ok()) << socket.status();
  chmod(folder_.c_str(), 0755);
  Settings searching;
  searching.folders = {folder_};
  searching.one_machine = true;
  EXPECT_OUTCOME(tried(reach_sockets, searching), kHeld);
  chmod(path.c_str(), 0777);
  EXPECT_OUTCOME(tried(reach_sockets, searching), kBroken);
}

// With an agent to kill: a program of its name in a network namespace of the test's own.
class AgentTest : public AuditTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root makes network namespaces";
    std::filesystem::copy_file("/bin/sleep", folder_ + "/outrigger-host");
    start_ = absl::StrCat("'", folder_, "/outrigger-host' 60 &");
    ASSERT_EQ(std::system(start_.c_str()), 0);
  }
  void TearDown() override {
    Scene scene(settings());
    for (auto pid = scene.agent(); pid; pid = scene.agent()) {
      kill(*pid, SIGKILL);
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
  // Restarted at the end of the scene.
  Verdict with_agent(Verdict (*attempt)(Scene&)) {
    Settings with = settings();
    with.restart_agent = start_;
    with.closed = {"policy"};
    return tried(attempt, with);
  }
  std::string start_;
};

TEST_F(AgentTest, TheHostsWordIsTested) {
  serve_guarded(secure::Rate{50, 100});
  for (const auto attempt :
       {claim_fallback, demand_closed_service, replay_the_link, garble_the_link, flood_the_link})
    EXPECT_OUTCOME(with_agent(attempt), kHeld);
}

TEST_F(AgentTest, ADpuThatBelievesEverythingIsBroken) {
  link_.reckless = true;
  serve_guarded();
  for (const auto attempt :
       {claim_fallback, demand_closed_service, replay_the_link, garble_the_link, flood_the_link})
    EXPECT_OUTCOME(with_agent(attempt), kBroken);
}

// A program of its name that says nothing is no agent.
TEST_F(AgentTest, AnAgentIsBackWhenTheDpuHasHeardIt) {
  serve_guarded();
  Scene scene(settings());
  const auto line = scene.own_line();
  ASSERT_TRUE(line.ok() && scene.say(*line, "dormant").ok());
  EXPECT_FALSE(scene.hears_agent(*line, absl::Milliseconds(300)).ok());
  link_.highest += 1'000'000;  // as one that began a second later
  EXPECT_TRUE(scene.hears_agent(*line, absl::Seconds(2)).ok());
}

TEST_F(AgentTest, WithoutAWayBackTheAgentIsNotKilled) {
  serve_guarded();
  EXPECT_OUTCOME(tried(kill_the_agent), kNotTried);
  EXPECT_TRUE(Scene(settings()).agent().has_value());
}

}  // namespace
}  // namespace outrigger::audit
