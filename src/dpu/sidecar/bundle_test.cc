#include "dpu/sidecar/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/test_folder.h"
#include "dpu/sidecar/cgroup.h"
#include "dpu/sidecar/log_tail.h"
#include "dpu/sidecar/version_slots.h"

namespace outrigger::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

manifest::Service service(const std::string& version) {
  manifest::Service made;
  made.meta.name = "bgp";
  made.version = version;
  made.task = manifest::Service::Task::kAgent;
  made.logs.owner = "routing";
  made.agent = manifest::AgentProcess{.command = {"/bin/agent", "--version", version},
                                      .env = {{"TZ", "UTC"}},
                                      .files = {{"agent.conf", "hello\n"}},
                                      .capabilities = {"NET_RAW"},
                                      .memory = 64 << 20,
                                      .cpu_milli = 250,
                                      .pids = 16};
  return made;
}

TEST(Bundle, TakesAwayWhatAnAgentNeedsNot) {
  const auto config = nlohmann::json::parse(oci_config(service("1"), "/b"));
  EXPECT_TRUE(config["root"]["readonly"]);
  EXPECT_TRUE(config["process"]["noNewPrivileges"]);
  EXPECT_THAT(config["process"]["capabilities"]["bounding"], ElementsAre("CAP_NET_RAW"));
  EXPECT_FALSE(config["process"]["capabilities"].contains("ambient"));
  EXPECT_THAT(config["process"]["env"], Contains("TZ=UTC"));
  std::vector<std::string> namespaces;
  for (const auto& one : config["linux"]["namespaces"]) namespaces.push_back(one["type"]);
  EXPECT_THAT(namespaces, ElementsAre("pid", "mount", "ipc"));  // the DPU's network stays its own
  EXPECT_THAT(config["linux"]["maskedPaths"], Contains("/var/lib/outrigger"));
  std::string refused = config["linux"]["seccomp"]["syscalls"].dump();
  for (const char* call : {"\"mount\"", "\"bpf\"", "\"ptrace\"", "\"setns\"", "\"clone3\""})
    EXPECT_THAT(refused, HasSubstr(call));
}

TEST(Bundle, IsReadBackAsItWasWritten) {
  TestFolder folder;
  const std::string at = folder.file("v-1");
  ASSERT_TRUE(write_bundle(service("1"), at).ok());
  const auto info = read_bundle(at);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, "1");
  EXPECT_EQ(info->owner, "routing");
  EXPECT_EQ(info->limits, (Limits{64 << 20, 250, 16}));
  EXPECT_TRUE(is_bundle_of(service("1"), at));
  auto changed = service("1");
  changed.agent->files["agent.conf"] = "other\n";
  EXPECT_FALSE(is_bundle_of(changed, at));
  EXPECT_FALSE(read_bundle(folder.file("none")).ok());
}

TEST(VersionSlots, KeepTheVersionBefore) {
  TestFolder folder;
  {
    VersionSlots slots(folder.file("bgp"));
    EXPECT_FALSE(slots.use_previous().ok());
    EXPECT_TRUE(*slots.use(service("1")));
    EXPECT_FALSE(*slots.use(service("1")));
    EXPECT_TRUE(*slots.use(service("2")));
    EXPECT_EQ(slots.previous(), "1");
    ASSERT_TRUE(slots.use_previous().ok());
    EXPECT_EQ(slots.current(), "1");
    EXPECT_EQ(read_bundle(slots.bundle())->version, "1");
    EXPECT_FALSE(*slots.use(service("2")));  // the same contract does not undo it
  }
  VersionSlots again(folder.file("bgp"));  // nor does the next process
  EXPECT_EQ(again.current(), "1");
  EXPECT_FALSE(*again.use(service("2")));
  EXPECT_TRUE(*again.use(service("3")));
  EXPECT_EQ(again.current(), "3");
  EXPECT_EQ(again.previous(), "1");
  for (const char* version : {"4", "5", "6", "7"}) EXPECT_TRUE(*again.use(service(version)));
  EXPECT_THAT(again.installed(), SizeIs(5));
  EXPECT_FALSE(fs::exists(folder.file("bgp/v-1")));
}

TEST(VersionSlots, ANewVersionWaitsUntilItIsPutInUse) {
  TestFolder folder;
  {
    VersionSlots slots(folder.file("bgp"));
    EXPECT_TRUE(*slots.use(service("1"), NewVersion::kInstalled));  // the first has nothing to wait for
    EXPECT_FALSE(*slots.use(service("2"), NewVersion::kInstalled));
    EXPECT_EQ(slots.current(), "1");
    EXPECT_EQ(slots.waiting(), "2");
    EXPECT_EQ(slots.use_version("3").code(), absl::StatusCode::kNotFound);
  }
  VersionSlots slots(folder.file("bgp"));
  EXPECT_EQ(slots.waiting(), "2");
  ASSERT_TRUE(slots.use_version("2").ok());
  EXPECT_EQ(slots.waiting(), "");
  ASSERT_TRUE(slots.use_version("1").ok());
  EXPECT_FALSE(*slots.use(service("2"), NewVersion::kInstalled));  // read again, not asked for again
  EXPECT_EQ(slots.waiting(), "");
  auto amended = service("2");
  amended.agent->pids = 8;
  EXPECT_FALSE(*slots.use(amended, NewVersion::kInstalled));
  EXPECT_EQ(slots.waiting(), "2");
}

TEST(VersionSlots, ThePreviousIsUsedOnceAndNotBackAgain) {
  TestFolder folder;
  VersionSlots slots(folder.file("bgp"));
  EXPECT_TRUE(*slots.use(service("1")));
  EXPECT_TRUE(*slots.use(service("2")));
  ASSERT_TRUE(slots.use_previous().ok());
  EXPECT_EQ(slots.current(), "1");
  EXPECT_EQ(slots.use_previous().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(slots.current(), "1");
  ASSERT_TRUE(slots.use_version("2").ok());  // by word it may
  EXPECT_TRUE(slots.use_previous().ok());
}

TEST(VersionSlots, TheSameVersionWithAnotherContractRunsAnew) {
  TestFolder folder;
  VersionSlots slots(folder.file("bgp"));
  EXPECT_TRUE(*slots.use(service("1")));
  auto changed = service("1");
  changed.agent->pids = 8;
  EXPECT_TRUE(*slots.use(changed));
  EXPECT_EQ(slots.previous(), "");
}

TEST(LogTail, GoesOnWhereItWasLeft) {
  TestFolder folder;
  const std::string path = folder.file("log");
  const auto append = [&path](const std::string& text) { std::ofstream(path, std::ios::app) << text; };
  LogTail tail(path);
  EXPECT_THAT(tail.lines(), IsEmpty());
  append("one\ntwo\nthr");
  EXPECT_THAT(tail.lines(), ElementsAre("one", "two"));
  append("ee\n");
  EXPECT_THAT(tail.lines(), ElementsAre("three"));
  LogTail next(path);
  EXPECT_THAT(next.lines(), IsEmpty());
  append("four\n");
  EXPECT_THAT(next.lines(), ElementsAre("four"));
  EXPECT_EQ(next.last_words(), "four");
  for (int i = 0; i < 300; ++i) append("flood\n");
  const std::vector<std::string> flood = next.lines();
  EXPECT_THAT(flood, SizeIs(LogTail::kMost + 1));
  EXPECT_EQ(flood.back(), "(100 more lines left out)");
}

TEST(LogTail, IsKeptSmall) {
  TestFolder folder;
  LogTail tail(folder.file("log"));
  const Descriptor writer = tail.writer();
  const std::string line(1023, 'x');
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 600; ++i) {
      const std::string text = line + "\n";
      ASSERT_EQ(write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    (void)tail.lines();
    EXPECT_LE(fs::file_size(folder.file("log")), 2 * LogTail::kKept);
  }
  EXPECT_LT(fs::file_size(folder.file("log")), LogTail::kKept);
}

void make_file(const std::string& path) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << "";
}

std::string read_file(const std::string& path) {
  std::string text;
  std::getline(std::ifstream(path), text);
  return text;
}

TEST(Cgroup, OfTheFirstVersionSaysWhatIsMissing) {
  TestFolder root;
  make_file(root.file("memory/outrigger/bgp/memory.limit_in_bytes"));
  make_file(root.file("pids/outrigger/bgp/pids.max"));
  Cgroup group(root.path(), "bgp");
  const LimitsReport report = group.make({64 << 20, 250, 16});
  EXPECT_THAT(report.enforced, ElementsAre("memory 64 MiB (cgroup v1)", "pids 16 (cgroup v1)"));
  EXPECT_THAT(report.not_enforced, ElementsAre("cpu: no such controller"));
  EXPECT_EQ(read_file(root.file("memory/outrigger/bgp/memory.limit_in_bytes")), "67108864");
}

TEST(Cgroup, OfTheSecondVersion) {
  TestFolder root;
  make_file(root.file("cgroup.controllers"));
  for (const char* file : {"memory.max", "cpu.max"})
    make_file(root.file(absl::StrCat("outrigger/bgp/", file)));
  Cgroup group(root.path(), "bgp");
  const LimitsReport report = group.make({64 << 20, 250, 16});
  EXPECT_THAT(report.enforced, ElementsAre("memory 64 MiB (cgroup v2)", "cpu 250m (cgroup v2)"));
  EXPECT_THAT(report.not_enforced, ElementsAre(HasSubstr("pids: ")));
  EXPECT_EQ(read_file(root.file("outrigger/bgp/cpu.max")), "25000 100000");
}

}  // namespace
}  // namespace outrigger::agent
