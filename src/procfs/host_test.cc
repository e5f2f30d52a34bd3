#include "procfs/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace outrigger::procfs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class Host : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(root_ + "/pressure"); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(absl::StrCat(root_, "/", name)) << text;
  }

  const std::string root_ = absl::StrCat(testing::TempDir(), "/procfs-host-", getpid());
};

TEST_F(Host, ReadsWhatTheKernelCounts) {
  put("stat",
      "cpu  30 3 6 40 5 1 2 9 7 7\ncpu0 10 1 2 20 3 0 1 4 0 0\ncpu12 20 2 4 20 2 1 1 5 7 7\n"
      "intr 4321 0 0 9 8\nctxt 987\nbtime 1\n");
  put("schedstat",
      "version 15\ntimestamp 42\ncpu0 1 0 3 4 5 6 700 800 9\ndomain0 3 1 1\ncpu12 0 0 0 0 0 0 1 2 3\n");
  put("softirqs", "          CPU0  CPU12\n      HI:    1    0\n  NET_RX:   20   22\n");
  put("pressure/cpu",
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\nfull avg10=0 avg60=0 avg300=0 total=4\n");
  put("pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
  put("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=6\n");
  const HostCounts counts = read_host(root_);
  ASSERT_EQ(counts.cpu.size(), 2u);
  const CpuTimes& last = counts.cpu.at(12);
  EXPECT_THAT((std::vector{last.user, last.nice, last.system, last.idle, last.iowait, last.irq, last.softirq,
                           last.steal}),
              ElementsAre(20, 2, 4, 20, 2, 1, 1, 5));
  EXPECT_EQ(counts.switches, 987u);
  EXPECT_EQ(counts.interrupts, 4321u);
  EXPECT_THAT(counts.run_queue_wait_ns, UnorderedElementsAre(Pair(0, 800), Pair(12, 2)));
  EXPECT_THAT(counts.softirqs, UnorderedElementsAre(Pair("HI", 1), Pair("NET_RX", 42)));
  EXPECT_THAT(counts.pressure_us, UnorderedElementsAre(Pair("cpu.some", 123), Pair("cpu.full", 4),
                                                       Pair("memory.some", 5), Pair("io.some", 6)));
  EXPECT_THAT(counts.missing, IsEmpty());
}

TEST_F(Host, NamesWhatItCouldNotRead) {
  put("stat", "");
  put("softirqs", "TIMER: 1\n");
  const HostCounts counts = read_host(root_);
  EXPECT_THAT(counts.cpu, IsEmpty());
  EXPECT_THAT(counts.missing, Contains(HasSubstr("/stat: empty")));
  EXPECT_THAT(counts.missing, Contains(HasSubstr("/schedstat: No such file or directory")));
  EXPECT_THAT(counts.missing, Contains(HasSubstr("/pressure/cpu: No such file")));
  EXPECT_EQ(counts.softirqs.at("TIMER"), 1u);
}

TEST_F(Host, LinesThatAreNoneDoNoHarm) {
  put("stat", "cpu0\ncpux 1 2 3 4 5\ncpu1 a b c d e\nctxt\nintr -1\n\n   \n");
  put("schedstat", "cpu0 1\ncpu1 x x x x x x x x x\n");
  put("softirqs", ":\nA:\n:::: 1\n");
  put("pressure/cpu", "total=\ntotal=x\ntotal=99999999999999999999\n");
  const HostCounts counts = read_host(root_);
  ASSERT_EQ(counts.cpu.size(), 1u);
  EXPECT_EQ(counts.cpu.at(1).user, 0u);
  EXPECT_EQ(counts.interrupts, 0u);
  EXPECT_THAT(counts.pressure_us, IsEmpty());
}

TEST(HostHere, CountsGoUp) {
  const HostCounts first = read_host();
  if (first.cpu.empty()) GTEST_SKIP() << "no /proc here";
  EXPECT_GT(first.interrupts, 0u);
  EXPECT_GE(read_host().switches, first.switches);
}

}  // namespace
}  // namespace outrigger::procfs
