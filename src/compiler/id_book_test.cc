#include <gtest/gtest.h>

#include "compiler/compiler.h"

namespace outrigger::compiler {
namespace {

TEST(IdBook, GivesTheSmallestFreeIdAndKeepsIt) {
  IdBook book{1};
  book.begin();
  EXPECT_EQ(book.id("a"), 1u);
  EXPECT_EQ(book.id("b"), 2u);
  EXPECT_EQ(book.id("c"), 3u);
  EXPECT_EQ(book.id("a"), 1u);
  book.end();
  book.begin();
  EXPECT_EQ(book.id("c"), 3u);
  book.end();
  book.begin();
  EXPECT_EQ(book.id("c"), 3u);
  EXPECT_EQ(book.id("d"), 1u);
  EXPECT_EQ(book.id("e"), 2u);
  EXPECT_EQ(book.id("f"), 4u);
}

TEST(IdBook, NeverHandsOnAnIdInTheRoundThatFreesIt) {
  IdBook book{0};
  book.begin();
  EXPECT_EQ(book.id("old"), 0u);
  book.end();
  book.begin();
  EXPECT_EQ(book.id("new"), 1u);
  book.end();
  EXPECT_EQ(book.all(), (std::map<std::string, uint32_t>{{"new", 1}}));
}

TEST(IdBook, ARoundThatFailsFreesNothing) {
  IdBook book{0};
  book.begin();
  book.id("a");
  book.id("b");
  book.end();
  book.begin();  // and no end()
  book.id("a");
  book.begin();
  EXPECT_EQ(book.id("b"), 1u);
  EXPECT_EQ(book.id("c"), 2u);
  EXPECT_EQ(book.id("a"), 0u);
}

}  // namespace
}  // namespace outrigger::compiler
