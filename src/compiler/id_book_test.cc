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

TEST(IdBook, GoesOnAfterARestartAsIfThereHadBeenNone) {
  IdBook book{1, 5};
  book.begin();
  for (const char* name : {"a", "b", "c"}) book.id(name);
  book.end();
  book.begin();
  book.id("b");
  book.end();  // 1 and 3 are free, but not to be given again before 5
  IdBook restored{1, 5};
  ASSERT_TRUE(restored.restore(book.all(), book.next()));
  for (IdBook* one : {&book, &restored}) {
    one->begin();
    EXPECT_EQ(one->id("b"), 2u);
    EXPECT_EQ(one->id("d"), 4u);
    EXPECT_EQ(one->id("e"), 1u);
    EXPECT_EQ(one->id("f"), 3u);
    EXPECT_EQ(one->id("g"), 5u);
    one->end();
  }
}

TEST(IdBook, RefusesWhatNoBookCanHold) {
  IdBook book{1};
  EXPECT_FALSE(book.restore({{"a", 0}}, 2));
  EXPECT_FALSE(book.restore({{"a", 2}}, 2));
  EXPECT_FALSE(book.restore({{"a", 1}, {"b", 1}}, 2));
  EXPECT_TRUE(book.restore({{"a", 1}}, 2));
}

}  // namespace
}  // namespace outrigger::compiler
