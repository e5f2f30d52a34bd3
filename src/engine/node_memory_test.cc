// What must hold for engines of two processes to share one memory file, and to pass the queues between them.
#include "engine/node_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>

#include "engine/session_table.h"

namespace outrigger::engine {
namespace {

constexpr WorkerSizes kSizes{.workers = 2, .sessions = 256, .rules = 100};

NodeMemory made() {
  auto memory = NodeMemory::create(kSizes, false);
  EXPECT_TRUE(memory.ok()) << memory.status();
  return *std::move(memory);
}

absl::Status map_again(const NodeMemory& memory) { return NodeMemory::map(dup(memory.fd())).status(); }

TEST(NodeMemory, TwoMappingsShowTheSame) {
  const NodeMemory one = made();
  auto two = NodeMemory::map(dup(one.fd()));
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->header().sizes, kSizes);
  ASSERT_NE(&one.header(), &two->header());
  for (unsigned worker = 0; worker < kSizes.workers; ++worker) {
    one.counters(worker).packets.add(1 + worker);
    one.rule_hits(worker).back().add(7);
    one.ports(worker).back().tx_bytes.add(9);
    one.samples(worker).back().generation = 11;
    EXPECT_EQ(two->counters(worker).packets.get(), 1 + worker);
    EXPECT_EQ(two->rule_hits(worker)[99].get(), 7u);
    EXPECT_EQ(two->ports(worker)[kCountedPorts - 1].tx_bytes.get(), 9u);
    EXPECT_EQ(two->samples(worker)[kSamples - 1].generation, 11u);
  }
}

TEST(NodeMemory, NobodyCanCutOffWhatOthersHaveMapped) {
  const NodeMemory one = made();
  EXPECT_NE(ftruncate(one.fd(), 4096), 0);
  EXPECT_NE(ftruncate(one.fd(), 1 << 30), 0);
}

TEST(NodeMemory, SizesAreThoseItWasMappedWith) {
  const NodeMemory one = made();
  one.header().sizes = {.workers = 1u << 20, .sessions = 1, .rules = 1};  // an engine that runs wild
  EXPECT_EQ(one.sizes(), kSizes);
  Ownership(one).seize(1);
  EXPECT_EQ(Ownership(one).owner(), 1u);
  EXPECT_EQ(one.rule_hits(1).size(), kSizes.rules);
}

TEST(NodeMemory, SessionsOfOneAreFoundByTheOther) {
  const NodeMemory one = made();
  const auto two = NodeMemory::map(dup(one.fd()));
  ASSERT_TRUE(two.ok());
  packet::FlowKey key{};
  key.a_port = 5;
  Drop why = Drop::kNone;
  SessionTable writer(one.sessions(1), kSizes.sessions);
  const SessionIndex index = writer.insert(key, packet::hash(key), kNoPort, 1, &why);
  writer.at(index).state = SessionState::kNew;
  writer.settle(index, 1);
  const SessionTable reader(two->sessions(1), kSizes.sessions);
  ASSERT_TRUE(reader.usable());
  EXPECT_EQ(reader.find(key, packet::hash(key)), index);
  EXPECT_EQ(SessionTable(two->sessions(0), kSizes.sessions).used(), 0u);
}

TEST(NodeMemory, AnotherLayoutIsRefusedByName) {
  const NodeMemory memory = made();
  memory.header().layout = 77;
  const absl::Status status = map_again(memory);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("77"), absl::string_view::npos) << status;
  memory.header().layout = kNodeMemoryLayout;
  memory.header().session_layout += 1;
  EXPECT_FALSE(map_again(memory).ok());
  memory.header().session_layout -= 1;
  EXPECT_TRUE(map_again(memory).ok());
}

TEST(NodeMemory, ATruncatedOrForeignFileIsRefused) {
  const NodeMemory memory = made();
  memory.header().sizes.workers = 3;
  EXPECT_FALSE(map_again(memory).ok());
  memory.header().sizes.workers = kMaxWorkers + 1;
  EXPECT_FALSE(map_again(memory).ok());
  memory.header().sizes.workers = 2;
  ASSERT_TRUE(map_again(memory).ok());
  const int half = memfd_create("half", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(half, static_cast<off_t>(memory.header().bytes / 2)), 0);
  ASSERT_EQ(pwrite(half, &memory.header(), sizeof(NodeMemoryHeader), 0),
            static_cast<ssize_t>(sizeof(NodeMemoryHeader)));
  EXPECT_FALSE(NodeMemory::map(half).ok());

  const int empty = memfd_create("empty", MFD_CLOEXEC);
  EXPECT_FALSE(NodeMemory::map(empty).ok());
  const int zeroes = memfd_create("zeroes", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(zeroes, 16 << 20), 0);
  EXPECT_FALSE(NodeMemory::map(zeroes).ok());
  EXPECT_FALSE(NodeMemory::map(-1).ok());
}

TEST(NodeMemory, SizesThatCannotBeAreRefused) {
  EXPECT_FALSE(NodeMemory::create({.workers = 0}, false).ok());
  EXPECT_FALSE(NodeMemory::create({.workers = kMaxWorkers + 1}, false).ok());
  EXPECT_FALSE(NodeMemory::create({.sessions = 0}, false).ok());
}

TEST(Ownership, SeizingWakesWhoSleepsOnAnotherMapping) {
  const NodeMemory one = made();
  const auto two = NodeMemory::map(dup(one.fd()));
  ASSERT_TRUE(two.ok());
  const Ownership ownership(one);
  EXPECT_EQ(ownership.owner(), kNobody);
  std::thread sleeper([&] {
    for (unsigned worker = 0; worker < kSizes.workers; ++worker) {
      const auto& owner = two->word(worker).owner;
      while (owner.load() == kNobody) sleep_while(owner, kNobody);
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ownership.seize(2);
  sleeper.join();
  EXPECT_EQ(ownership.owner(), 2u);
  EXPECT_EQ(one.word(0).wanted.load(), 2u);
}

TEST(Ownership, AskedIsNotDoneUntilEveryWorkerHasLetGo) {
  const NodeMemory memory = made();
  const Ownership ownership(memory);
  ownership.seize(0);
  ownership.ask(1);
  EXPECT_EQ(memory.word(0).wanted.load(), 1u);
  EXPECT_FALSE(ownership.done(1));
  memory.word(0).owner = 1;
  EXPECT_FALSE(ownership.done(1));
  EXPECT_EQ(ownership.owner(), kNobody);
  memory.word(1).owner = 1;
  EXPECT_TRUE(ownership.done(1));
  EXPECT_EQ(ownership.owner(), 1u);
}

}  // namespace
}  // namespace outrigger::engine
