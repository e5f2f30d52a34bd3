// What the split is for: engines are swapped, killed, stopped and hung while packets pass, and the ports
// process itself dies and is replaced.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "integration/split_rig.h"

namespace outrigger::integration {
namespace {

using ev1::PortsEvent;
using std::chrono::milliseconds;

class SplitTest : public Split {
 protected:
  void begin(const std::string& first) {
    start_engine("a", first);
    start_engine("b", OUTRIGGER_ENGINE_PROGRAM);
    client_ = std::make_unique<PortsClient>(folder_);
    ev1::PortsCall watch;
    watch.mutable_watch();
    ASSERT_EQ(client_->call(watch).code(), 0);
    stream_ = std::make_unique<Stream>();
    std::this_thread::sleep_for(milliseconds(300));
    ASSERT_GT(stream_->received(), 100u) << "no traffic passes";
    ASSERT_EQ(engines_["a"]->role(), engine::Role::kActive);
    ASSERT_EQ(engines_["b"]->role(), engine::Role::kStandby);
    stream_->restart();
  }
  // After a fault: the heir has the queues, traffic passes, sessions and buffers are all there.
  void expect_taken_over(const std::string& heir, double most_ms, const char* what) {
    const PortsEvent event = client_->next(PortsEvent::TAKEN_OVER);
    ASSERT_EQ(event.kind(), PortsEvent::TAKEN_OVER) << what;
    EXPECT_EQ(event.subject(), heir);
    std::this_thread::sleep_for(milliseconds(200));
    const double gap = stream_->longest_gap_ms();
    std::cout << what << ": taken over in " << event.milliseconds() << " ms, silence at the receiver " << gap
              << " ms\n";
    EXPECT_LT(gap, most_ms) << what;
    EXPECT_EQ(engines_[heir]->role(), engine::Role::kActive);
    EXPECT_EQ(engines_[heir]->sessions(100).size(), 1u);
    stream_->restart();
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_GT(stream_->received(), 50u);
    stream_.reset();
    expect_whole_pool(*client_, slot(heir));
  }

  std::unique_ptr<PortsClient> client_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(SplitTest, APlannedSwapCostsMicroseconds) {
  begin(OUTRIGGER_ENGINE_PROGRAM);
  for (const char* to : {"b", "a", "b"}) {
    const auto reply = client_->swap(slot(to));
    ASSERT_EQ(reply.code(), 0) << reply.message();
    std::cout << "swap: " << static_cast<double>(reply.swap().nanoseconds()) / 1000 << " us\n";
    EXPECT_LT(reply.swap().nanoseconds(), 40'000'000u);
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(engines_[to]->role(), engine::Role::kActive);
    EXPECT_EQ(engines_[to]->sessions(100).size(), 1u);
  }
  std::cout << "longest silence " << stream_->longest_gap_ms() << " ms\n";
  EXPECT_LT(stream_->longest_gap_ms(), 100);
  stream_.reset();
  expect_whole_pool(*client_, slot("b"));
}

TEST_F(SplitTest, AKilledEngineIsReplaced) {
  begin(OUTRIGGER_ENGINE_PROGRAM);
  processes_["a"]->signal(SIGKILL);
  EXPECT_EQ(client_->next(PortsEvent::CRASHED).subject(), "a");
  expect_taken_over("b", 300, "kill -9");
}

TEST_F(SplitTest, AStoppedEngineIsKilledAndReplaced) {
  begin(OUTRIGGER_ENGINE_PROGRAM);
  processes_["a"]->signal(SIGSTOP);
  EXPECT_EQ(client_->next(PortsEvent::STALLED).subject(), "a");
  expect_taken_over("b", 400, "SIGSTOP");
}

TEST_F(SplitTest, AWorkerThatSpinsIsKilledAndReplaced) {
  begin(OUTRIGGER_SPIN_PROGRAM);
  stream_->send_once(udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12", 64, 1000, 6666));
  EXPECT_EQ(client_->next(PortsEvent::STALLED).subject(), "a");
  expect_taken_over("b", 600, "endless loop");
}

TEST_F(SplitTest, WithoutAHeirTheNextEngineGetsTheQueues) {
  begin(OUTRIGGER_ENGINE_PROGRAM);
  processes_["b"]->signal(SIGKILL);
  EXPECT_EQ(client_->next(PortsEvent::GONE).subject(), "b");
  processes_["a"]->signal(SIGKILL);
  EXPECT_EQ(client_->next(PortsEvent::ORPHANED).subject(), "a");
  start_engine("c", OUTRIGGER_ENGINE_PROGRAM);
  expect_taken_over("c", 10'000, "a new engine");
}

TEST_F(SplitTest, EnginesOutliveThePortsProcessAndItsSuccessorTakesOver) {
  begin(OUTRIGGER_ENGINE_PROGRAM);
  while (!client_->kept.contains("memory") || client_->kept.size() < 11) client_->hear(milliseconds(100));
  processes_.erase("b");  // standbys of the old ports process are ended before it is replaced
  engines_.erase("b");
  while (client_->next(PortsEvent::GONE).subject() != "b") {
  }
  ports_->signal(SIGKILL);
  ports_->wait();
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_LT(stream_->longest_gap_ms(), 100) << "traffic stopped with the ports process";
  EXPECT_TRUE(engines_["a"]->apply(ev1::Update().SerializeAsString()).ok());

  start_ports();
  PortsClient fresh(folder_);
  ev1::PortsCall give;
  std::vector<int> descriptors;
  for (const auto& [name, descriptor] : client_->kept) {
    give.mutable_watch()->add_kept(name);
    descriptors.push_back(descriptor.get());
  }
  const auto given = fresh.call(give, descriptors);
  ASSERT_EQ(given.code(), 0) << given.message();
  start_engine("d", OUTRIGGER_ENGINE_PROGRAM);
  EXPECT_EQ(engines_["d"]->role(), engine::Role::kStandby);
  stream_->restart();
  const auto swapped = fresh.swap(slot("d"));
  ASSERT_EQ(swapped.code(), 0) << swapped.message();
  std::this_thread::sleep_for(milliseconds(300));
  std::cout << "to the successor's engine: silence " << stream_->longest_gap_ms() << " ms\n";
  EXPECT_LT(stream_->longest_gap_ms(), 100);
  EXPECT_GT(stream_->received(), 100u);
  EXPECT_EQ(engines_["d"]->role(), engine::Role::kActive);
  EXPECT_EQ(engines_["d"]->sessions(100).size(), 1u);
  processes_.erase("a");
  stream_.reset();
  expect_whole_pool(fresh, slot("d"));
}

}  // namespace
}  // namespace outrigger::integration
