#include "procfs/process.h"

#include <gmock/gmock.h>
#include <sys/prctl.h>

#include "procfs/fake_proc.h"
#include "procfs/open_files.h"
#include "procfs/printable.h"
#include "procfs/process_text.h"

namespace outrigger::procfs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Printable, IsUtf8WithoutControlCharacters) {
  EXPECT_EQ(printable("bgpd"), "bgpd");
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xff\xfe\x80"), "\\xff\\xfe\\x80") << "no UTF-8";
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a") << "a newline spelt too long";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a pair of UTF-16";
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b") << "CSI, a terminal's escape in one character";
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae") << "right-to-left override";
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82") << "cut in the middle";
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(ProcessText, ANameMayLookLikeTheFieldsBehindIt) {
  const auto stat = parse_stat("7 (x) S 1 1 (y\n) R 3 1 1 0 -1 64 0 0 0 0 15 5 0 0 20 0 4 0 900 4096 12 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "x) S 1 1 (y\\x0a");
  EXPECT_EQ(stat->parent, 3u);
  EXPECT_EQ(stat->cpu_ticks, 20u);
  EXPECT_EQ(stat->threads, 4u);
  EXPECT_EQ(stat->start_ticks, 900u);
  EXPECT_EQ(stat->resident_pages, 12u);
  EXPECT_FALSE(stat->kernel);
}

TEST(ProcessText, WhatIsNoStatIsRefused) {
  for (const char* text :
       {"", "7", "7 (x", "7 )x( S", "7 (x) S 1 1", "7 (x) S a 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 4 1"})
    EXPECT_FALSE(parse_stat(text)) << text;
}

TEST(ProcessText, OnlyWhatHasNoThreadsLeftHasEnded) {
  EXPECT_TRUE(parse_stat("7 (x) Z 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9 4 1")->ended);
  EXPECT_FALSE(parse_stat("7 (x) Z 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 3 0 9 4 1")->ended);
}

TEST(ProcessText, CgroupOfEitherVersion) {
  Process unified, hybrid, first;
  parse_cgroup("0::/system.slice/frr.service\n", unified);
  EXPECT_EQ(unified.cgroup, "/system.slice/frr.service");
  EXPECT_EQ(unified.cpu_cgroup, "");
  parse_cgroup("9:name=systemd:/system.slice/a:b.service\n4:cpu,cpuacct:/limited\n0::/\n", hybrid);
  EXPECT_EQ(hybrid.cgroup, "/system.slice/a:b.service");
  EXPECT_EQ(hybrid.cpu_cgroup, "/limited");
  parse_cgroup("nonsense\n1:cpu\n2:cpuset:/x\n", first);
  EXPECT_EQ(first.cgroup, "");
  EXPECT_EQ(first.cpu_cgroup, "");
}

TEST(ProcessText, Lists) {
  EXPECT_EQ(count_list("0-3,8"), 5u);
  EXPECT_EQ(count_list("0"), 1u);
  for (const char* text : {"", "3-1", "a", "1-2-3", "0-4294967295,7", "-1"})
    EXPECT_EQ(count_list(text), 0u) << text;
}

TEST(Process, IsReadWhole) {
  const FakeProc proc;
  proc.add({.pid = 12,
            .name = "bgpd",
            .line = std::string("/usr/lib/frr/bgpd\0-A\0"
                                "127.0.0.1\0",
                                30),
            .uid = 0,
            .capabilities = "0000000000003400",
            .ticks = 30,
            .voluntary = 5,
            .involuntary = 2,
            .ran_ns = 7000,
            .waited_ns = 900,
            .cgroup = "0::/system.slice/frr.service\n",
            .net = "net:[77]"});
  const auto one = read_process(12, proc.root());
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->name, "bgpd");
  EXPECT_EQ(one->program, "/usr/bin/bgpd");
  EXPECT_EQ(one->line, "/usr/lib/frr/bgpd -A 127.0.0.1");
  EXPECT_EQ(one->uid, 0u) << "the effective one, not the real";
  EXPECT_EQ(one->capabilities, 0x3400u);
  EXPECT_EQ(one->cpus_allowed, 2u);
  EXPECT_EQ(one->cpu_ticks, 30u);
  EXPECT_EQ(one->cpu_ns, 7000u);
  EXPECT_EQ(one->run_queue_wait_ns, 900u);
  EXPECT_EQ(one->voluntary, 5u);
  EXPECT_EQ(one->involuntary, 2u);
  EXPECT_EQ(one->net_namespace, 77u);
  EXPECT_EQ(one->cgroup, "/system.slice/frr.service");
  EXPECT_THAT(one->unseen, ElementsAre());
}

TEST(Process, ThreadsCountTogether) {
  const FakeProc proc;
  FakeProcess one{.pid = 5, .voluntary = 1};
  proc.add(one);
  proc.write("5/stat", "5 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 2 0 100 4 1\n");
  for (const char* thread : {"5", "6"}) {
    proc.write(absl::StrCat("5/task/", thread, "/status"),
               FakeProc::status_of({.voluntary = 10, .involuntary = 1}));
    proc.write(absl::StrCat("5/task/", thread, "/schedstat"), "500 40 3\n");
  }
  std::filesystem::create_directories(proc.root() + "/5/task/7");  // ended while it was read
  const auto read = read_process(5, proc.root());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->voluntary, 20u);
  EXPECT_EQ(read->involuntary, 2u);
  EXPECT_EQ(read->cpu_ns, 1000u);
  EXPECT_EQ(read->run_queue_wait_ns, 80u);
}

TEST(Process, WhatHasEndedIsNotFound) {
  const FakeProc proc;
  EXPECT_TRUE(absl::IsNotFound(read_process(9, proc.root()).status()));
  proc.add({.pid = 9, .state = "Z"});
  EXPECT_TRUE(absl::IsNotFound(read_process(9, proc.root()).status()));
  proc.add({.pid = 9});
  std::filesystem::remove(proc.root() + "/9/status");  // gone between two files
  EXPECT_TRUE(absl::IsNotFound(read_process(9, proc.root()).status()));
  proc.write("9/status", "");
  EXPECT_TRUE(absl::IsNotFound(read_process(9, proc.root()).status())) << "nothing half read is used";
}

TEST(Process, OpenFilesAreOfThatProcessAlone) {
  const FakeProc proc;
  FakeProcess one{.pid = 4,
                  .start = 100,
                  .files = {"socket:[71]", "/dev/null", "socket:[70]", "anon_inode:bpf-prog", "socket:[71]",
                            "socket:[x]"},
                  .infos = {{"3", "pos:\t0\nprog_type:\t6\nprog_id:\t33\n"}}};
  proc.add(one);
  const auto process = read_process(4, proc.root());
  ASSERT_TRUE(process.ok());
  const auto files = read_open_files(*process, proc.root());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->sockets, ElementsAre(70, 71));
  EXPECT_THAT(files->bpf, ElementsAre(33));
  one.start = 200;  // the number was given to another
  proc.add(one);
  EXPECT_TRUE(absl::IsNotFound(read_open_files(*process, proc.root()).status()));
}

TEST(Process, NumbersAreFoundAmongOtherEntries) {
  const FakeProc proc;
  proc.add({.pid = 300});
  proc.add({.pid = 4});
  proc.write("version", "x");
  proc.write("12x/stat", "");
  proc.write("99999999999/stat", "");
  EXPECT_THAT(pids(proc.root()), ElementsAre(4, 300));
  EXPECT_THAT(pids(proc.root() + "/none"), ElementsAre());
}

TEST(Process, ThisOneIsReadFromTheKernel) {
  ASSERT_EQ(prctl(PR_SET_NAME, "odd\n) R 1\xff"), 0);
  const auto self = read_process(static_cast<uint32_t>(getpid()));
  ASSERT_EQ(prctl(PR_SET_NAME, "procfs_test"), 0);
  ASSERT_TRUE(self.ok()) << self.status();
  EXPECT_EQ(self->name, "odd\\x0a) R 1\\xff");
  EXPECT_EQ(self->uid, geteuid());
  EXPECT_EQ(self->parent, static_cast<uint32_t>(getppid()));
  EXPECT_GT(self->memory, 0u);
  EXPECT_THAT(self->program, HasSubstr("procfs_test"));
  const auto activity = read_activity(static_cast<uint32_t>(getpid()));
  ASSERT_TRUE(activity.ok());
  EXPECT_EQ(activity->start_ticks, self->start_ticks);
}

}  // namespace
}  // namespace outrigger::procfs
