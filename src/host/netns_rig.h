// Namespaces for tests, gone with them.  Needs root.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "host/command.h"

namespace outrigger::host {

class NetnsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: namespaces";
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);  // rules and tunnels of the test are no matter of this machine
    ASSERT_TRUE(ip_batch("", "link set lo up\n").ok());
  }
  void TearDown() override {
    std::string lines;
    for (const std::string& one : netns_names(prefix_)) absl::StrAppend(&lines, "netns del ", one, "\n");
    EXPECT_TRUE(ip_batch("", lines).ok());
  }
  [[nodiscard]] std::string name(const std::string& of) const { return absl::StrCat(prefix_, of); }

  const std::string prefix_ = absl::StrCat("or-test", getpid(), ".");
};

}  // namespace outrigger::host
