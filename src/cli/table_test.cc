#include "cli/table.h"

#include <sstream>

#include "cli/json.h"
#include "cli/text_diff.h"
#include "gtest/gtest.h"

namespace outrigger::cli {
namespace {

TEST(TableTest, AlignsByCodePointsAndLeavesNothingBehind) {
  Table table({"NAME", ">COUNT", "LAST"});
  table.row({"caf\xc3\xa9", "7", "x"});
  table.row({"a-long-one", "12345", ""});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(),
            "NAME        COUNT  LAST\n"
            "caf\xc3\xa9            7  x\n"
            "a-long-one  12345  -\n");
}

TEST(TableTest, Sizes) {
  EXPECT_EQ(binary(1023), "1023");
  EXPECT_EQ(binary(1536), "1.5Ki");
  EXPECT_EQ(binary(1ull << 40), "1.0Ti");
  EXPECT_EQ(plural(1, "fault"), "1 fault");
  EXPECT_EQ(plural(2, "fault"), "2 faults");
}

TEST(TextDiffTest, ShowsChangesWithThreeLinesAround) {
  EXPECT_EQ(unified_diff("a\n", "a\n"), "");
  EXPECT_EQ(unified_diff("", "a\nb\n"), "@@ -1 +1 @@\n+a\n+b\n");
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\nfive\n6\n"),
            "@@ -2 +2 @@\n 2\n 3\n 4\n-5\n+five\n 6\n");
  EXPECT_EQ(unified_diff("a", "a\n"), "");
}

TEST(JsonTest, UnquotedScalarsKeepTheirType) {
  const Json json = yaml_to_json("{a: 1, b: '1', c: true, d: 1.5, e: null, f: 10.1.0.1, g: [x], h: 0x10}");
  EXPECT_EQ(json.dump(), R"({"a":1,"b":"1","c":true,"d":1.5,"e":null,"f":"10.1.0.1","g":["x"],"h":"0x10"})");
}

}  // namespace
}  // namespace outrigger::cli
