#include "inventory/cgroups.h"

#include <gtest/gtest.h>

#include "procfs/fake_proc.h"

namespace outrigger::inventory {
namespace {

procfs::Process in(const std::string& cgroup, const std::string& cpu = "") {
  procfs::Process process;
  process.cgroup = cgroup;
  process.cpu_cgroup = cpu;
  return process;
}

TEST(Cgroups, TextsOfTheKernel) {
  EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_max("50000 100000\n"), 0.5);
  for (const char* text : {"", "50000", "0 100000", "1 0", "a b", "-1 100000"})
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  EXPECT_DOUBLE_EQ(
      *parse_avg60("some avg10=1.00 avg60=2.50 avg300=0.00 total=7\nfull avg10=0 avg60=9 avg300=0 total=0\n"),
      0.025);
  EXPECT_DOUBLE_EQ(*parse_avg60("some avg60=250"), 1);
  for (const char* text : {"", "full avg60=1", "some avg60=x", "some avg60=-1"})
    EXPECT_EQ(parse_avg60(text), std::nullopt) << text;
}

TEST(Cgroups, VersionTwoTheTightestLimitOnTheWayUpHolds) {
  const procfs::FakeProc proc;
  proc.write("self/mounts", absl::StrCat("cgroup2 ", proc.root(), "/cg cgroup2 rw 0 0\n"));
  proc.write("cg/a/cpu.max", "100000 100000\n");
  proc.write("cg/a/b/cpu.max", "150000 100000\n");
  proc.write("cg/a/c/cpu.max", "max 100000\n");
  proc.write("cg/d/cpu.max", "max 100000\n");
  proc.write("cg/a/b/cpu.pressure", "some avg10=0.00 avg60=12.00 avg300=0.00 total=7\n");
  const Cgroups cgroups(proc.root());
  EXPECT_EQ(cgroups.cpu_limit(in("/a/b")), 1.0);
  EXPECT_EQ(cgroups.cpu_limit(in("/a/c")), 1.0);
  EXPECT_EQ(cgroups.cpu_limit(in("/d")), std::nullopt);
  EXPECT_EQ(cgroups.cpu_limit(in("/")), std::nullopt);
  EXPECT_EQ(cgroups.cpu_limit(in("/gone")), std::nullopt);
  EXPECT_DOUBLE_EQ(cgroups.pressure("/a/b")->cpu, 0.12);
  EXPECT_FALSE(cgroups.pressure("/a").has_value());
}

TEST(Cgroups, VersionOneWhereItHasTheController) {
  const procfs::FakeProc proc;
  proc.write("self/mounts", absl::StrCat("cgroup ", proc.root(), "/sd cgroup rw,name=systemd 0 0\n",
                                         "cgroup ", proc.root(), "/cpu cgroup rw,relatime,cpu,cpuacct 0 0\n",
                                         "cgroup2 ", proc.root(), "/cg cgroup2 rw 0 0\n"));
  proc.write("cpu/x/cpu.cfs_quota_us", "20000\n");
  proc.write("cpu/x/cpu.cfs_period_us", "100000\n");
  proc.write("cpu/y/cpu.cfs_quota_us", "-1\n");
  proc.write("cpu/y/cpu.cfs_period_us", "100000\n");
  proc.write("cg/u/cpu.max", "1 100000\n");
  const Cgroups cgroups(proc.root());
  EXPECT_EQ(cgroups.cpu_limit(in("/u", "/x")), 0.2);
  EXPECT_EQ(cgroups.cpu_limit(in("/u", "/y")), std::nullopt) << "version 2 has no say in it here";
}

TEST(Cgroups, NoneAtAll) {
  const procfs::FakeProc proc;
  const Cgroups cgroups(proc.root());
  EXPECT_EQ(cgroups.cpu_limit(in("/a")), std::nullopt);
  EXPECT_FALSE(cgroups.pressure("/a").has_value());
}

}  // namespace
}  // namespace outrigger::inventory
