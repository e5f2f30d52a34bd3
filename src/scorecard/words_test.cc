#include "scorecard/words.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scorecard/html.h"

namespace outrigger::scorecard {
namespace {

TEST(Plain, KeepsWritingAndTakesCommandsToTerminalsAway) {
  EXPECT_EQ(plain("Grüße, 世界 → ✓"), "Grüße, 世界 → ✓");
  EXPECT_EQ(plain("a\x1b[31mred\nb\tc\x07"), "a?[31mred?b?c?");
  EXPECT_EQ(plain("gpj.\u202e\u2066exe\u200f"), "gpj.??exe?");
  EXPECT_EQ(plain("\xc2\x9b"
                  "1m"),
            "?1m")
      << "CSI as one character";
  EXPECT_EQ(plain("\xff\xc0\xaf\xed\xa0\x80\xf5\xe2\x82"), std::string(9, '?'))
      << "no UTF-8, overlong, surrogate, cut";
  EXPECT_EQ(plain(std::string("a\0b", 3)), "a?b");
}

TEST(Escaped, IsTextWhereverItStands) {
  EXPECT_EQ(escaped("<script>alert('x') & \"y\"</script>"),
            "&lt;script&gt;alert(&#39;x&#39;) &amp; &quot;y&quot;&lt;/script&gt;");
}

TEST(PolicyHash, IsWhatBrowsersCompute) {
  EXPECT_EQ(policy_hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}

TEST(Number, HasThreeFigures) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(1234.5), "1234");
  EXPECT_EQ(number(99.96), "100");
  EXPECT_EQ(number(4), "4");
  EXPECT_EQ(number(12.345), "12.3");
  EXPECT_EQ(number(1.2345), "1.23");
  EXPECT_EQ(number(0.012345), "0.0123");
  EXPECT_EQ(number(-0.5), "-0.5");
  EXPECT_EQ(number(1.5e-7), "1.50e-07");
  EXPECT_EQ(amount(4.2, "ms"), "4.20 ms");
  EXPECT_EQ(amount(std::nullopt, "ms"), "-");
}

TEST(Change, IsInPercentAndFromTwiceOnAFactor) {
  EXPECT_EQ(change(std::log(0.59)), "-41.0 %");
  EXPECT_EQ(change(std::log(1.12)), "+12.0 %");
  EXPECT_EQ(change(std::log(3.2)), "×3.20");
  EXPECT_EQ(change(std::log(1 / 3.2)), "÷3.20");
  EXPECT_EQ(change(20), ">×1000");
  EXPECT_EQ(range({0, std::log(0.5) - 1e-9, 0.0, 0, 0}), "÷2.00 to +0.0 %");
}

}  // namespace
}  // namespace outrigger::scorecard
