// What is taken away comes back, and whoever looks finds what is there to be found.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "audit/afterwards.h"
#include "audit/attempts.h"
#include "audit/nobody.h"
#include "audit/probe.h"
#include "audit/rules.h"
#include "audit/scene.h"
#include "audit/udp.h"
#include "base/steady_time.h"
#include "host/command.h"

namespace outrigger::audit {
namespace {

bool comes(const std::function<bool()>& true_soon) {
  const absl::Time end = steady_time() + absl::Seconds(10);
  while (!true_soon() && steady_time() < end) absl::SleepFor(absl::Milliseconds(20));
  return true_soon();
}

class ControlTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string touch() const { return absl::StrCat("touch ", quoted(folder_ + "/done")); }
  [[nodiscard]] bool done() const { return std::filesystem::exists(folder_ + "/done"); }
  std::string folder_ = "/tmp/outrigger-it's-XXXXXX";
};

TEST_F(ControlTest, AfterwardsComesWhenAsked) {
  auto one = Afterwards::prepare(touch());
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_FALSE(done());
  EXPECT_TRUE(one->now().ok());
  EXPECT_TRUE(done());
  EXPECT_FALSE(Afterwards::prepare("exit 3")->now().ok());
}

TEST_F(ControlTest, AfterwardsComesNotWhenItIsNotNeeded) {
  {
    auto one = Afterwards::prepare(touch());
    ASSERT_TRUE(one.ok()) << one.status();
    one->never();
  }
  EXPECT_FALSE(done());
}

TEST_F(ControlTest, AfterwardsComesWhenTheFirstIsKilled) {
  const pid_t child = fork();
  if (child == 0) {
    const auto one = Afterwards::prepare(touch());
    raise(SIGKILL);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(comes([this] { return done(); }));
}

constexpr char kRules[] =
    "table inet outrigger_test {\n  set s {\n    type ipv4_addr\n    flags interval\n"
    "    elements = { 10.0.0.0/8 }\n  }\n  chain input {\n"
    "    type filter hook input priority filter; policy accept;\n    ip saddr @s tcp dport 9 drop\n  }\n}\n"
    "table inet others {\n}\n";

class RulesTest : public ControlTest {
 protected:
  void SetUp() override {
    ControlTest::SetUp();
    if (geteuid() != 0) GTEST_SKIP() << "only root has rules";
    ASSERT_TRUE(host::nft("", kRules).ok());
    before_ = rules();
  }
  void TearDown() override {
    (void)host::nft("", "flush ruleset");
    ControlTest::TearDown();
  }
  static std::string rules() { return host::run("", {"nft", "list", "ruleset"}).value_or(""); }
  static absl::StatusOr<TakenRules> take() { return TakenRules::take(*rules_of_the_host("or-no-such-")); }
  std::string before_;
};

TEST_F(RulesTest, TheFallbacksAreTakenAwayAndPutBack) {
  auto taken = take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->str(), "1 tables of rules (inet outrigger_test)");
  EXPECT_TRUE(taken->are_gone());
  EXPECT_EQ(rules(), "table inet others {\n}\n");
  EXPECT_TRUE(taken->put_back().ok());
  EXPECT_FALSE(taken->are_gone());
  EXPECT_NE(rules().find("elements = { 10.0.0.0/8 }"), std::string::npos) << rules();
  EXPECT_EQ(rules().size(), before_.size());
}

TEST_F(RulesTest, TheyComeBackWhenTheAuditIsKilled) {
  const pid_t child = fork();
  if (child == 0) {
    const auto taken = take();
    raise(SIGKILL);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(comes([this] { return rules().size() == before_.size(); })) << rules();
}

TEST_F(RulesTest, WhatSomebodyMadeAnewMeanwhileStays) {
  auto taken = take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_TRUE(host::nft("", "table inet outrigger_test {\n  chain newer {\n  }\n}\n").ok());
  EXPECT_FALSE(taken->are_gone());
  EXPECT_TRUE(taken->put_back().ok());
  EXPECT_NE(rules().find("chain newer"), std::string::npos);
  EXPECT_EQ(rules().find("chain input"), std::string::npos);
}

TEST_F(RulesTest, WithoutRulesNothingIsHeld) {
  ASSERT_TRUE(host::nft("", "flush ruleset").ok());
  EXPECT_EQ(take().status().code(), absl::StatusCode::kFailedPrecondition);
}

// Bound, and read or not.
Descriptor udp_socket(uint16_t port) {
  Descriptor made(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress at = socket_address({*IpAddress::parse("127.0.0.1"), port});
  EXPECT_EQ(bind(made.get(), reinterpret_cast<const sockaddr*>(&at.storage), at.size), 0);
  return made;
}

TEST(Udp, ListenersAreFoundWhetherTheyAnswerOrNot) {
  if (geteuid() != 0) GTEST_SKIP() << "without a namespace of its own others' sockets would be found";
  const Descriptor silent = udp_socket(5353), answers = udp_socket(5354);
  std::thread server([&answers] {
    char byte = 0;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    (void)recvfrom(answers.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size);
    (void)sendto(answers.get(), "!", 1, 0, reinterpret_cast<const sockaddr*>(&from), size);
  });
  const auto found = look_at_udp("", *IpAddress::parse("127.0.0.1"), std::vector<uint16_t>{5353, 5354, 5355});
  server.join();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->answered, std::vector<uint16_t>{5354});
  EXPECT_EQ(found->silent, std::vector<uint16_t>{5353});
  EXPECT_EQ(found->refused, 1u);
  EXPECT_TRUE(found->way && found->tells);
}

TEST(Udp, WhereClosedPortsSayNothingNothingIsProven) {
  if (geteuid() != 0) GTEST_SKIP() << "only root drops packets";
  ASSERT_TRUE(host::nft("",
                        "table inet drops {\n  chain input {\n    type filter hook input priority filter;\n"
                        "    meta l4proto udp drop\n  }\n}\n")
                  .ok());
  Settings mute;
  mute.dpu = {*IpAddress::parse("127.0.0.1")};
  Scene scene(mute);
  const Verdict seen = try_udp_ports(scene);
  (void)host::nft("", "flush ruleset");
  EXPECT_EQ(name(seen.outcome), "not tried") << seen.evidence;
}

TEST(Udp, ADoorThatTakesDatagramsIsBroken) {
  if (geteuid() != 0) GTEST_SKIP() << "without a namespace of its own others' sockets would be found";
  Settings open;
  open.dpu = {*IpAddress::parse("127.0.0.1")};
  Scene scene(open);
  const Descriptor door = udp_socket(69);
  const Verdict seen = try_udp_ports(scene);
  EXPECT_EQ(name(seen.outcome), "broken") << seen.evidence;
  EXPECT_NE(seen.evidence.find("127.0.0.1:69 takes UDP"), std::string::npos) << seen.evidence;
}

Verdict look_at_processes(bool one_machine) {
  Settings settings;
  settings.one_machine = one_machine;
  Scene scene(settings);
  return read_processes(scene);
}

TEST(Processes, ThoseOfADpuOnTheHostAreFound) {
  const Decoy decoy("outrigger-engine");
  EXPECT_EQ(name(look_at_processes(false).outcome), "broken");
}

TEST(Processes, OneThatIsClosedIsHeldAndOneThatIsOpenIsNot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const Decoy of_root("outrigger-ports");
  const Verdict closed = look_at_processes(true);
  EXPECT_EQ(name(closed.outcome), "held") << closed.evidence;
  std::string folder = "/tmp/outrigger-audit-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::filesystem::permissions(folder, std::filesystem::perms(0755));
  std::filesystem::copy_file("/bin/sleep", folder + "/outriggerd");
  const pid_t child = fork();
  if (child == 0) {
    execlp("setpriv", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
           (folder + "/outriggerd").c_str(), "60", nullptr);
    _exit(1);
  }
  const std::string wanted = absl::StrCat("/proc/", child, "/mem");
  Verdict open;
  EXPECT_TRUE(
      comes([&] { return (open = look_at_processes(true)).evidence.find(wanted) != std::string::npos; }));
  EXPECT_EQ(name(open.outcome), "broken") << open.evidence;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace outrigger::audit
