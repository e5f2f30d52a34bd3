#include "lab/state.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace outrigger::lab {
namespace {

class StateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "labs keep their state in /run: needs root";
  }
  void TearDown() override { state_.remove(); }
  const State state_{absl::StrCat("unittest-", getpid())};
};

TEST_F(StateTest, OptionsAndTopologyComeBack) {
  EXPECT_FALSE(state_.exists());
  EXPECT_EQ(state_.options().status().code(), absl::StatusCode::kNotFound);
  LabOptions options;
  options.manifests = "/some/where";
  options.daemon_arguments = {"--workers", "2"};
  options.dhcp = true;
  ASSERT_TRUE(state_.save(options, "kind: Node\n").ok());
  const auto back = state_.options();
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->name, state_.lab());
  EXPECT_EQ(back->manifests, options.manifests);
  EXPECT_EQ(back->daemon_arguments, options.daemon_arguments);
  EXPECT_TRUE(back->dhcp);
  EXPECT_EQ(*state_.topology(), "kind: Node\n");
}

TEST_F(StateTest, OnlyLivingDaemonsAreFound) {
  const auto own = process(getpid());
  ASSERT_TRUE(own.has_value());
  ASSERT_TRUE(state_.save_daemon("host-a", *own).ok());
  ASSERT_TRUE(state_.save_daemon("host-b", {own->pid, own->start + 1}).ok());
  EXPECT_EQ(state_.daemon("host-a"), own);
  EXPECT_EQ(state_.daemon("host-b"), std::nullopt);
  EXPECT_EQ(state_.daemons().size(), 1u);
}

TEST_F(StateTest, RemoveLeavesNothing) {
  ASSERT_TRUE(state_.save({}, "").ok());
  ASSERT_TRUE(state_.save_setup("shop/web-1", "link set eth0 up\n").ok());
  EXPECT_EQ(state_.setup("shop/web-1"), "link set eth0 up\n");
  state_.remove();
  EXPECT_FALSE(std::filesystem::exists(state_.folder()));
}

TEST_F(StateTest, LockIsHeldByOne) {
  auto first = Lock::take(state_);
  ASSERT_TRUE(first.ok()) << first.status();
  const pid_t child = fork();
  if (child == 0) {
    alarm(1);  // ends the wait for the lock, and with it the child
    const auto second = Lock::take(state_);
    _exit(second.ok() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

}  // namespace
}  // namespace outrigger::lab
