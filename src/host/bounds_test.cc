#include "host/bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "host/observe.h"

namespace outrigger::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A folder in which files stand where a kernel would put them.
class BoundsAt : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& file, const std::string& text = "") {
    const std::filesystem::path path = absl::StrCat(root_, "/", file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  [[nodiscard]] std::string get(const std::string& file) const {
    std::ifstream in(absl::StrCat(root_, "/", file));
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  [[nodiscard]] CgroupFiles files() const {
    return {absl::StrCat(root_, "/own"), absl::StrCat(root_, "/mounts")};
  }

  const std::string root_ = absl::StrCat(testing::TempDir(), "/bounds-", getpid());
};

TEST_F(BoundsAt, TheFirstVersion) {
  put("own", "9:name=systemd:/\n4:memory:/a\n3:cpu,cpuacct:/a/b\n0::/elsewhere\n");
  put("mounts",
      absl::StrCat("tmpfs /x tmpfs rw 0 0\ncgroup2 ", root_, "/two cgroup2 rw 0 0\ncgroup ", root_,
                   "/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup ", root_, "/mem cgroup rw,memory 0 0\n"));
  put("cpu/a/b/us/cpu.cfs_period_us");
  put("cpu/a/b/us/cpu.cfs_quota_us");
  put("cpu/a/b/us/cgroup.procs");
  put("cpu/a/b/us/cpu.stat", "nr_periods 7\nnr_throttled 3\n");
  put("mem/a/us/memory.limit_in_bytes");
  put("mem/a/us/cgroup.procs");
  Bounds bounds("us", {.cpus = 0.02, .memory = 5 << 20}, files());
  EXPECT_THAT(bounds.enforced(), ElementsAre("2 % of a CPU", "5 MiB of memory"));
  EXPECT_THAT(bounds.not_enforced(), IsEmpty());
  EXPECT_EQ(get("cpu/a/b/us/cpu.cfs_period_us"), "1000000");
  EXPECT_EQ(get("cpu/a/b/us/cpu.cfs_quota_us"), "20000");
  EXPECT_EQ(get("mem/a/us/memory.limit_in_bytes"), "5242880");
  EXPECT_EQ(bounds.throttled(), 3u);
  EXPECT_TRUE(bounds.enter());
  EXPECT_EQ(get("mem/a/us/cgroup.procs"), "0");
}

TEST_F(BoundsAt, TheSecondVersion) {
  put("own", "0::/svc\n");
  put("mounts", absl::StrCat("cgroup2 ", root_, "/two cgroup2 rw 0 0\n"));
  put("two/svc/cgroup.subtree_control", "cpu memory\n");
  put("two/svc/us/cpu.max");
  put("two/svc/us/memory.max");
  put("two/svc/us/cgroup.procs");
  const Bounds bounds("us", {}, files());
  EXPECT_THAT(bounds.enforced(), ElementsAre("1 % of a CPU", "64 MiB of memory"));
  EXPECT_EQ(get("two/svc/us/cpu.max"), "10000 1000000");
  EXPECT_EQ(get("two/svc/us/memory.max"), "67108864");
  EXPECT_EQ(bounds.throttled(), std::nullopt);
}

TEST_F(BoundsAt, WhatMayNotBeMadeIsSaid) {
  put("own", "0::/../outside\n");
  put("mounts", absl::StrCat("cgroup2 ", root_, "/two cgroup2 rw 0 0\n"));
  Bounds bounds("us", {}, files());
  EXPECT_THAT(bounds.enforced(), IsEmpty());
  EXPECT_THAT(bounds.not_enforced(), ElementsAre(HasSubstr("1 % of a CPU: this machine has no"),
                                                 HasSubstr("64 MiB of memory: this machine has no")));
  EXPECT_TRUE(bounds.enter()) << "there is nothing to enter";
  put("own", "0::/svc\n");
  put("two/svc/cgroup.subtree_control/not-a-file", "");
  const Bounds undelegated("us", {}, files());
  EXPECT_THAT(undelegated.not_enforced(),
              ElementsAre(HasSubstr("gives no cpu"), HasSubstr("gives no memory")));
}

TEST_F(BoundsAt, WhatTheKilledLeftIsRemoved) {
  put("own", "0::/svc\n");
  put("mounts", absl::StrCat("cgroup2 ", root_, "/two cgroup2 rw 0 0\n"));
  put("two/svc/cgroup.subtree_control", "cpu memory\n");
  const std::string svc = absl::StrCat(root_, "/two/svc/");
  const std::string alive = absl::StrCat("us-", getpid());
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  const std::string zombie = absl::StrCat("us-", child);
  for (const std::string& name :
       {std::string("us-99999999"), alive, zombie, std::string("us-x"), std::string("other-99999999")})
    std::filesystem::create_directories(svc + name);
  const Bounds bounds("us-1", {}, files());
  EXPECT_FALSE(std::filesystem::exists(svc + zombie));
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(std::filesystem::exists(svc + "us-99999999"));
  EXPECT_TRUE(std::filesystem::exists(svc + alive));
  EXPECT_TRUE(std::filesystem::exists(svc + "us-x"));
  EXPECT_TRUE(std::filesystem::exists(svc + "other-99999999"));
}

TEST(Restraint, LeavesRoomForTheRest) {
  Restraint restraint(0.01);
  EXPECT_EQ(restraint.turn_ns(0.002), Restraint::kMostTurnNs) << "never more than its turn";
  EXPECT_EQ(restraint.turn_ns(0.02), 0u) << "at once when the rest takes all";
  const uint64_t first = restraint.turn_ns(0.002), second = restraint.turn_ns(0.002);
  EXPECT_LT(first, Restraint::kMostTurnNs) << "and comes back slowly";
  EXPECT_GE(second, first);
  for (int i = 0; i < 20; ++i) (void)restraint.turn_ns(0.007);
  EXPECT_NEAR(static_cast<double>(restraint.turn_ns(0.007)), 1e6, 1e5);
}

}  // namespace
}  // namespace outrigger::host
