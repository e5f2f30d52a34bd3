#include "ports/desk.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/node_memory.h"
#include "ports/desk_fixture.h"

namespace outrigger::ports {
namespace {

using absl::StatusCode;
using engine::v1::PortsCall;

PortsCall attach_call(uint32_t session_layout = engine::kSessionLayout) {
  PortsCall call;
  call.mutable_attach()->set_version("0.1.0");
  call.mutable_attach()->set_instance("a");
  call.mutable_attach()->set_memory_layout(engine::kNodeMemoryLayout);
  call.mutable_attach()->set_session_layout(session_layout);
  return call;
}

PortsCall want_call(const std::vector<std::pair<uint32_t, std::string>>& ports, uint32_t mtu = 1500) {
  PortsCall call;
  call.mutable_want();
  for (const auto& [id, device] : ports) {
    auto& port = *call.mutable_want()->add_ports();
    port.set_id(id);
    port.set_device(device);
    port.set_mtu(mtu);
  }
  return call;
}

class DeskTest : public testing::Test {
 protected:
  DeskTest() {
    for (ConnectionId id = 1; id <= 6; ++id) desk_.admit(id, {static_cast<pid_t>(100 + id), id == 1});
  }
  Answer say(ConnectionId from, const PortsCall& call) {
    return desk_.handle(from, {call.SerializeAsString(), {}});
  }
  StatusCode code(ConnectionId from, const PortsCall& call) {
    return static_cast<StatusCode>(say(from, call).reply.code());
  }

  FakeBackend backend_;
  Desk desk_{backend_};
};

TEST_F(DeskTest, AttachesFourAndNoMore) {
  for (ConnectionId id = 2; id <= 5; ++id) {
    const Answer answer = say(id, attach_call());
    ASSERT_EQ(answer.reply.code(), 0) << answer.reply.message();
    EXPECT_EQ(answer.reply.attach().slot(), id - 2);
    EXPECT_EQ(answer.descriptors.size(), 1u);
  }
  EXPECT_EQ(code(6, attach_call()), StatusCode::kResourceExhausted);
  EXPECT_EQ(code(2, attach_call()), StatusCode::kFailedPrecondition);
}

TEST_F(DeskTest, RefusesAnotherLayoutByName) {
  const Answer answer = say(2, attach_call(engine::kSessionLayout + 1));
  EXPECT_EQ(answer.reply.code(), static_cast<int>(StatusCode::kFailedPrecondition));
  EXPECT_NE(answer.reply.message().find(absl::StrCat("session layout ", engine::kSessionLayout + 1)),
            std::string::npos);
}

TEST_F(DeskTest, NothingBeforeAttaching) {
  EXPECT_EQ(code(2, want_call({{1, "tap,iface=a"}})), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(backend_.ids.empty());
}

TEST_F(DeskTest, EnginesMayNotCommand) {
  PortsCall swap, watch, remove;
  swap.mutable_swap();
  watch.mutable_watch();
  remove.mutable_remove();
  for (const PortsCall& call : {swap, watch, remove}) EXPECT_EQ(code(2, call), StatusCode::kPermissionDenied);
  EXPECT_EQ(code(1, watch), StatusCode::kOk);
  EXPECT_TRUE(desk_.watches(1));
  EXPECT_EQ(backend_.told, 1);
}

TEST_F(DeskTest, GarbageEndsTheConnection) {
  const Answer answer = desk_.handle(2, {"\xff\xff\xff", {}});
  EXPECT_TRUE(answer.close);
  EXPECT_EQ(answer.reply.code(), static_cast<int>(StatusCode::kInvalidArgument));
  EXPECT_EQ(code(2, PortsCall()), StatusCode::kUnimplemented);
}

TEST_F(DeskTest, APortIsOpenedOnceAndHandedToEachOnce) {
  for (const ConnectionId id : {2, 3}) {
    ASSERT_EQ(code(id, attach_call()), StatusCode::kOk);
    EXPECT_EQ(say(id, want_call({{1, "tap,iface=a"}})).descriptors.size(), 2u);
    EXPECT_EQ(say(id, want_call({{1, "tap,iface=a"}})).descriptors.size(), 0u);
  }
  EXPECT_EQ(backend_.ids.size(), 1u);
  EXPECT_TRUE(backend_.roster.find(0)->ready);
}

TEST_F(DeskTest, APortStaysWhileAnyEngineWantsItOrNobodyIsLeftToAsk) {
  ASSERT_EQ(code(2, attach_call()), StatusCode::kOk);
  ASSERT_EQ(code(3, attach_call()), StatusCode::kOk);
  ASSERT_EQ(code(2, want_call({{1, "a"}, {2, "b"}})), StatusCode::kOk);
  ASSERT_EQ(code(3, want_call({{1, "a"}, {2, "b"}})), StatusCode::kOk);
  ASSERT_EQ(code(2, want_call({{1, "a"}})), StatusCode::kOk);
  EXPECT_EQ(backend_.ids, (std::set<uint32_t>{1, 2}));
  desk_.leave(2);
  desk_.leave(3);
  EXPECT_EQ(backend_.ids, (std::set<uint32_t>{1, 2})) << "orphaned ports wait for the next engine";
  ASSERT_EQ(code(4, attach_call()), StatusCode::kOk);
  ASSERT_EQ(code(4, want_call({{2, "b"}})), StatusCode::kOk);
  EXPECT_EQ(backend_.ids, (std::set<uint32_t>{2}));
}

TEST_F(DeskTest, AFailureOpensNothing) {
  ASSERT_EQ(code(2, attach_call()), StatusCode::kOk);
  ASSERT_EQ(code(2, want_call({{1, "a"}})), StatusCode::kOk);
  EXPECT_EQ(code(2, want_call({{1, "a"}, {2, "b"}, {3, "broken"}})), StatusCode::kUnavailable);
  EXPECT_EQ(backend_.ids, (std::set<uint32_t>{1}));
  EXPECT_FALSE(backend_.wrong);
}

TEST_F(DeskTest, AnIdOrDeviceInUseByAnotherIsRefused) {
  ASSERT_EQ(code(2, attach_call()), StatusCode::kOk);
  ASSERT_EQ(code(3, attach_call()), StatusCode::kOk);
  ASSERT_EQ(code(2, want_call({{1, "a"}})), StatusCode::kOk);
  EXPECT_EQ(code(3, want_call({{1, "b"}})), StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(3, want_call({{2, "a"}})), StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(2, want_call({{1, "b"}})), StatusCode::kFailedPrecondition) << "its workers poll it";
  EXPECT_EQ(code(2, want_call({})), StatusCode::kOk);
  EXPECT_EQ(code(2, want_call({{1, "b"}})), StatusCode::kOk);
}

TEST_F(DeskTest, SenselessWishesAreRefused) {
  ASSERT_EQ(code(2, attach_call()), StatusCode::kOk);
  EXPECT_EQ(code(2, want_call({{1, "a"}, {1, "b"}})), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(2, want_call({{1, "a"}, {2, "a"}})), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(2, want_call({{engine::kCountedPorts, "a"}})), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(2, want_call({{1, ""}})), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(2, want_call({{1, "a"}}, 20)), StatusCode::kInvalidArgument);
}

TEST_F(DeskTest, AThousandDescriptorsComeInParts) {
  ASSERT_EQ(code(2, attach_call()), StatusCode::kOk);
  std::vector<std::pair<uint32_t, std::string>> ports;
  for (uint32_t id = 0; id < 500; ++id) ports.emplace_back(id, absl::StrCat("tap,iface=t", id));
  size_t total = 0;
  for (int round = 0; round < 5; ++round) {
    const Answer answer = say(2, want_call(ports));
    EXPECT_LE(answer.descriptors.size(), kMaxDescriptors);
    total += answer.descriptors.size();
  }
  EXPECT_EQ(total, 1000u);
}

TEST_F(DeskTest, WhatWasKeptComesBackOnlyBeforeEngines) {
  PortsCall call;
  call.mutable_watch()->add_kept("memory");
  std::vector<Descriptor> fds;
  fds.emplace_back(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(desk_.handle(1, {call.SerializeAsString(), std::move(fds)}).reply.code(), 0);
  EXPECT_EQ(backend_.taken_back, std::vector<std::string>{"memory"});
  EXPECT_EQ(code(1, call), StatusCode::kInvalidArgument) << "a name without its descriptor";
  ASSERT_EQ(code(2, attach_call()), StatusCode::kOk);
  fds.clear();
  fds.emplace_back(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(desk_.handle(1, {call.SerializeAsString(), std::move(fds)}).reply.code(), 0);
  EXPECT_EQ(backend_.taken_back.size(), 1u) << "an agent that comes back finds us as we are";
  EXPECT_EQ(backend_.told, 2);
}

}  // namespace
}  // namespace outrigger::ports
