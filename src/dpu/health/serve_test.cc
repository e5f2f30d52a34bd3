#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "dpu/health/reach.h"
#include "dpu/health/serve_health.h"
#include "outrigger/v1/health.grpc.pb.h"

namespace outrigger::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void note(Board& board, const std::string& service, ProbeOutcome outcome, const char* reason) {
  for (int i = 0; i < 3; ++i) board.note(service, {outcome, reason, absl::Microseconds(120)});
}

struct Served {
  Served() {
    board.add({"policy", "1.4.0", "verdict", "netsec", Domain::kPolicy, {}});
    board.add({"overlay", "1.4.0", "peer", "network", Domain::kFabric, {}});
    note(board, "overlay", ProbeOutcome::kNothing, "nothing to probe: no peers");
    enable_grpc_health();
    service = make_health_service({board, "host-a", {}});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    health = std::make_unique<GrpcHealth>(*server, board);
    stub = v1::HealthReport::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~Served() {
    end_watches(*service);
    health.reset();
    server->Shutdown();
  }
  Finding check(const std::string& name) {
    return try_grpc(IpAddress::v4(0x7f000001), static_cast<uint16_t>(port), name, absl::Seconds(5));
  }

  Board board{nullptr};
  int port = 0;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<GrpcHealth> health;
  std::unique_ptr<v1::HealthReport::Stub> stub;
};

// Through grpc.health.v1, asked by our own prober: both ends at once.
TEST(GrpcHealth, ServesWhatTheBoardSays) {
  Served served;
  EXPECT_EQ(served.check("policy").outcome, ProbeOutcome::kFail);
  note(served.board, "policy", ProbeOutcome::kPass, "fine");
  EXPECT_EQ(served.check("policy").outcome, ProbeOutcome::kPass) << served.check("policy").reason;
  EXPECT_EQ(served.check("overlay").outcome, ProbeOutcome::kFail);  // nothing to probe is never ready
  EXPECT_EQ(served.check("").outcome, ProbeOutcome::kPass);         // but no fault of the node
  note(served.board, "policy", ProbeOutcome::kFail, "it leaks");
  EXPECT_THAT(served.check("policy").reason, HasSubstr("not serving"));
  EXPECT_EQ(served.check("").outcome, ProbeOutcome::kFail);
  EXPECT_EQ(served.check("nobody").outcome, ProbeOutcome::kFail);
}

TEST(GrpcHealth, AServiceThatIsGoneServesNoMore) {
  Served served;
  note(served.board, "policy", ProbeOutcome::kPass, "fine");
  EXPECT_EQ(served.check("policy").outcome, ProbeOutcome::kPass);
  served.board.remove("policy");
  EXPECT_EQ(served.check("policy").outcome, ProbeOutcome::kFail);
}

TEST(HealthReport, ListsAndWatches) {
  Served served;
  grpc::ClientContext one, two, three;
  v1::ListHealthRequest request;
  v1::HealthList list;
  ASSERT_TRUE(served.stub->ListHealth(&one, request, &list).ok());
  EXPECT_EQ(list.overall(), "starting");
  ASSERT_EQ(list.services_size(), 2);
  EXPECT_EQ(list.services(1).service(), "policy");
  EXPECT_EQ(list.services(1).state(), "starting");
  EXPECT_EQ(list.services(1).last_probe(), -1);
  EXPECT_EQ(list.services(1).placement(), "dpu");
  request.set_service("nobody");
  EXPECT_EQ(served.stub->ListHealth(&two, request, &list).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_service("policy");
  const auto reader = served.stub->WatchHealth(&three, request);
  ASSERT_TRUE(reader->Read(&list));
  EXPECT_EQ(list.services(0).state(), "starting");
  note(served.board, "policy", ProbeOutcome::kPass, "fine");
  ASSERT_TRUE(reader->Read(&list));
  EXPECT_EQ(list.services(0).state(), "ready");
  EXPECT_EQ(list.services(0).last_latency_us(), 120);
  three.TryCancel();
}

TEST(Metrics, EveryFamilyIsThere) {
  Board board(nullptr);
  board.add({"policy", "1.4.0", "verdict", "netsec", Domain::kPolicy, {}});
  note(board, "policy", ProbeOutcome::kPass, "fine");
  NodeFigures figures;
  figures.engine.drops.resize(kDropCount);
  figures.engine.drops[static_cast<size_t>(Drop::kPolicyIngress)] = 7;
  figures.engine.capacity = {{"buffers", 100, 10}, {"buffers", 100, 5}};
  figures.engine.workers = {{.worker = 0, .packets = 11}};
  figures.engine.ports = {{PortId(1), "tap", 1, 2, 3, 4}, {PortId(4094), "probe"}};
  figures.desired_generation = 4;
  figures.host.wakeup_p99 = 0.0002;
  const std::string text = metrics_text("host-a", board.all(), true, board.transitions(), figures);
  for (const Metric& metric : kMetrics) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("# TYPE ", metric.name, " ", metric.type, "\n")));
    EXPECT_THAT(text, ::testing::ContainsRegex(absl::StrCat("\n", metric.name, "[ {]")));
  }
  EXPECT_THAT(
      text, HasSubstr("outrigger_service_health{service=\"policy\",version=\"1.4.0\",state=\"ready\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("outrigger_drops_total{reason=\"policy_ingress\",service=\"policy\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("outrigger_capacity_used{table=\"buffers\"} 15\n"));
  EXPECT_THAT(text, HasSubstr("outrigger_generation_desired 4\n"));
  EXPECT_THAT(text, Not(HasSubstr("probe\",direction")));
}

TEST(Management, AnswersByHealth) {
  Board board(nullptr);
  board.add({"policy", "1.4.0", "verdict", "netsec", Domain::kPolicy, {}});
  const auto port = static_cast<uint16_t>(20000 + getpid() % 20000);
  const auto server = Management::listen(absl::StrCat("127.0.0.1:", port), {board, "host-a", {}}, {});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto get = [port](const char* path) {
    return try_http(IpAddress::v4(0x7f000001), port, path, absl::Seconds(5)).reason;
  };
  EXPECT_THAT(get("/livez"), HasSubstr("says 200"));
  EXPECT_THAT(get("/readyz"), HasSubstr("says 503"));
  note(board, "policy", ProbeOutcome::kPass, "fine");
  EXPECT_THAT(get("/readyz"), HasSubstr("says 200"));
  EXPECT_THAT(get("/metrics"), HasSubstr("says 200"));
  EXPECT_THAT(get("/etc/passwd"), HasSubstr("says 404"));
  EXPECT_FALSE(Management::listen(absl::StrCat("127.0.0.1:", port), {board, "host-a", {}}, {}).ok());
  // Every interface must be asked for.
  EXPECT_FALSE(Management::listen(absl::StrCat(port + 1), {board, "host-a", {}}, {}).ok());
}

}  // namespace
}  // namespace outrigger::agent
