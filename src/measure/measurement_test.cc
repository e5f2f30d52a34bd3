#include "measure/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace outrigger::measure {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string sha256_of(const std::string& text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), sizeof digest));
}

Window window_at(uint64_t start_ms) {
  Window window{.start_ms = start_ms, .length_ms = 1000, .clock_step_us = -3};
  window.cpu[0] = {.user = 0.25, .system = 0.125, .idle = 0.625};
  window.cpu[11] = {.user = 1};
  window.run_queue_wait[0] = 1.5;
  window.gaps.add(1500, 3);
  window.wakeups.add(70'000);
  window.latency.add(900'000, 99);
  window.spun = 0.005;
  window.softirqs["NET_RX"] = 12.5;
  window.pressure["cpu.some"] = 0.01;
  window.sent = 100;
  window.failed = 1;
  window.own_memory = 8 << 20;
  return window;
}

Measurement example() {
  Measurement out{.label = "before", .started_at = "2026-11-23T05:30:00Z"};
  out.machine = {"host-a", "6.1.0", "a CPU \"X\"\n", "0123", "4567", 12, uint64_t{64} << 30};
  out.work = {"redis", "10.0.0.2:6379", 1000, 5};
  out.place = {"abba", 2, 1};
  out.placement = {{"policy", "host"}};
  out.notes = {"no schedstat"};
  out.windows = {window_at(0), window_at(1000), window_at(2500)};
  out.privileged = {{"ovs-vswitchd", "virtual_switch", 7.5, "uid 0, CAP_NET_ADMIN"}};
  out.boundary = {{"spoofed MAC", true, "0 of 10 arrived"}};
  out.incidents = {{{"dpu", "engine", "killed", 0.1, 0.2, -1, 17}}};
  out.cost = {0.5, 1 << 20, {1.25, 0.5}};
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// With a seal that holds over whatever the lines are: what is then refused is refused for what it says.
std::string sealed(std::vector<std::string> lines, size_t windows) {
  std::string body = absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
  return absl::StrCat(body, R"({"seal":{"windows":)", windows, R"(,"sha256":")", sha256_of(body), "\"}}\n");
}

std::string error_of(const std::string& text) {
  const auto parsed = parse(text, "m.jsonl");
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

// What parse() says when `from` is `to`, and the seal is made anew.
std::string error_with(const std::string& from, const std::string& to) {
  std::vector<std::string> lines = lines_of(to_text(example()));
  lines.pop_back();
  bool found = false;
  for (std::string& line : lines) {
    found = found || absl::StrContains(line, from);
    line = absl::StrReplaceAll(line, {{from, to}});
  }
  EXPECT_TRUE(found) << from;
  return error_of(sealed(lines, 3));
}

TEST(Measurement, IsReadAsItWasWritten) {
  const std::string text = to_text(example());
  const auto read = parse(text, "m.jsonl");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(to_text(*read), text);
  EXPECT_EQ(read->hash, sha256_of(text));
  EXPECT_EQ(read->machine, example().machine);
  EXPECT_EQ(read->work, example().work);
  ASSERT_EQ(read->windows.size(), 3u);
  EXPECT_EQ(read->windows[2].start_ms, 2500u);
  EXPECT_EQ(read->windows[0].clock_step_us, -3);
  EXPECT_EQ(read->windows[0].cpu.at(11).user, 1);
  EXPECT_EQ(read->windows[0].latency, example().windows[0].latency);
  ASSERT_TRUE(read->privileged.has_value());
  EXPECT_EQ(read->privileged->at(0).why, "uid 0, CAP_NET_ADMIN");
  EXPECT_TRUE(read->boundary->at(0).held);
  EXPECT_EQ(read->incidents->at(0).recover_s, -1);
  EXPECT_EQ(read->cost.blackout_ms, (std::vector<double>{1.25, 0.5}));
}

TEST(Measurement, NobodyLookedIsNotNothingFound) {
  Measurement plain = example();
  plain.privileged.reset();
  plain.boundary.emplace().clear();
  plain.incidents.reset();
  const auto read = parse(to_text(plain), "m.jsonl");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->privileged.has_value());
  ASSERT_TRUE(read->boundary.has_value());
  EXPECT_TRUE(read->boundary->empty());
  EXPECT_FALSE(read->incidents.has_value());
}

TEST(Measurement, WithoutItsEndIsRefusedWhereverItWasCut) {
  const std::string text = to_text(example());
  for (size_t length = 0; length < text.size(); ++length) {
    const auto cut = parse(text.substr(0, length), "m.jsonl");
    ASSERT_EQ(cut.status().code(), absl::StatusCode::kDataLoss) << length << " " << cut.status();
    ASSERT_THAT(std::string(cut.status().message()), HasSubstr("m.jsonl: "));
  }
}

TEST(Measurement, AnyChangedByteBreaksTheSeal) {
  const std::string text = to_text(example());
  for (size_t at = 0; at < text.size(); at += 7) {
    std::string changed = text;
    changed[at] = changed[at] == '1' ? '2' : '1';
    if (changed == text) continue;
    EXPECT_NE(error_of(changed), "") << at;
  }
}

TEST(Measurement, MixedUpLinesAreRefused) {
  std::vector<std::string> lines = lines_of(to_text(example()));
  lines.pop_back();
  auto swapped = lines, doubled = lines, lost = lines, headless = lines;
  std::swap(swapped[1], swapped[2]);
  doubled.insert(doubled.begin() + 2, doubled[1]);
  lost.erase(lost.begin() + 2);
  headless.erase(headless.begin());
  EXPECT_THAT(error_of(sealed(swapped, 3)), HasSubstr("m.jsonl:2: window 0 expected here"));
  EXPECT_THAT(error_of(sealed(doubled, 4)), HasSubstr("m.jsonl:3: window 1 expected here"));
  EXPECT_THAT(error_of(sealed(lost, 2)), HasSubstr("m.jsonl:3: window 1 expected here"));
  EXPECT_THAT(error_of(sealed(headless, 3)), HasSubstr("m.jsonl:1: no \"format\""));
  EXPECT_THAT(error_of(sealed(lines, 4)), HasSubstr("m.jsonl:5: no \"window\""));
  EXPECT_THAT(error_of(sealed(lines, 2)), HasSubstr("m.jsonl:4: no \"notes\""));
  EXPECT_EQ(error_of(sealed(lines, 3)), "");
}

TEST(Measurement, PartsOfTwoFilesAreRefused) {
  Measurement other = example();
  other.windows[1].sent = 101;
  std::vector<std::string> lines = lines_of(to_text(example()));
  lines[2] = lines_of(to_text(other))[2];
  EXPECT_THAT(error_of(absl::StrCat(absl::StrJoin(lines, "\n"), "\n")), HasSubstr("do not match its seal"));
}

TEST(Measurement, SaysWhichFieldIsWrong) {
  EXPECT_THAT(error_with("\"spun\"", "\"spin\""), HasSubstr("m.jsonl:2: no \"spun\""));
  EXPECT_THAT(error_with("\"spun\":0.005", "\"spun\":0.005,\"x\":1"), HasSubstr("unknown field \"x\""));
  EXPECT_THAT(error_with("\"budget_ms\":5", "\"budget_ms\":-5"),
              HasSubstr("m.jsonl:1: work: budget_ms: a number"));
  EXPECT_THAT(error_with("\"sent\":100", "\"sent\":1.5"), HasSubstr("sent: a whole number"));
  EXPECT_THAT(error_with("\"sent\":100", "\"sent\":0"), HasSubstr("3 requests failed, and only 0 were sent"));
  EXPECT_THAT(error_with("\"sent\":100", "\"sent\":18446744073709551615"), HasSubstr("sent: a whole number"));
  EXPECT_THAT(error_with("\"spun\":0.005", "\"spun\":1e300"), HasSubstr("spun: a number from 0"));
  EXPECT_THAT(error_with("\"spun\":0.005", "\"spun\":1e999"), HasSubstr("no JSON object"));
  EXPECT_THAT(error_with("\"start_ms\":2500", "\"start_ms\":1500"), HasSubstr("windows are mixed up"));
  EXPECT_THAT(error_with("\"length_ms\":1000", "\"length_ms\":0"), HasSubstr("a window has a length"));
  EXPECT_THAT(error_with("\"user\":1.0", "\"user\":1.06"), HasSubstr("m.jsonl:2: cpu 11: user"));
  EXPECT_THAT(error_with("\"idle\":0.625", "\"idle\":0.9"), HasSubstr("add up to 1.275"));
  EXPECT_THAT(error_with("\"11\":", "\"011\":"), HasSubstr("no number of a CPU"));
  EXPECT_THAT(error_with("measurement/v1", "measurement/v2"), HasSubstr("this program reads"));
  EXPECT_THAT(error_with("2026-11-23T05:30:00Z", "yesterday"), HasSubstr("started_at: a time"));
  EXPECT_THAT(error_with("\"held\":true", "\"held\":1"),
              AllOf(HasSubstr("boundary 1"), HasSubstr("true or false")));
  EXPECT_THAT(error_with("[1.25,0.5]", "[\"x\"]"), HasSubstr("blackout_ms"));
}

TEST(Measurement, ASketchThatIsNoneIsRefused) {
  const std::string gaps = example().windows[0].gaps.text();
  EXPECT_THAT(error_with(gaps, "zero"), HasSubstr("gaps: a sketch"));
  EXPECT_THAT(error_with(gaps, absl::StrReplaceAll(gaps, {{":3", ":9000000000"}})),
              HasSubstr("gaps: fewer samples"));
}

TEST(Measurement, FilesAreWholeOrNotThere) {
  const std::string folder = absl::StrCat(testing::TempDir(), "/measurement-", getpid());
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  const std::string file = absl::StrCat(folder, "/m.jsonl");
  EXPECT_EQ(read(file).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(read(folder).status().message()), HasSubstr("no regular file"));
  ASSERT_TRUE(write(example(), file).ok());
  const auto back = read(file);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(to_text(*back), to_text(example()));
  std::ofstream(file).close();
  EXPECT_THAT(std::string(read(file).status().message()), HasSubstr("empty"));
  const absl::Status nowhere = write(example(), absl::StrCat(folder, "/none/m.jsonl"));
  EXPECT_THAT(std::string(nowhere.message()), HasSubstr("/none/m.jsonl"));
  unlink(file.c_str());
  EXPECT_EQ(rmdir(folder.c_str()), 0) << "something was left beside the file";
}

}  // namespace
}  // namespace outrigger::measure
