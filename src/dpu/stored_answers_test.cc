#include "dpu/stored_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {
namespace {

class StoredAnswersTest : public ::testing::Test {
 protected:
  StoredAnswers book() {
    return {{[this](const auto&, const auto& name, const auto& text) {
               notes_[name] = text;
               return absl::OkStatus();
             },
             [this](const auto&) -> absl::StatusOr<std::map<std::string, std::string>> { return notes_; }},
            "test"};
  }
  std::map<std::string, std::string> notes_;
};

TEST_F(StoredAnswersTest, TheNextProcessAnswersAlike) {
  const std::string answer("line\nand \0 byte", 15);
  StoredAnswers first = book();
  EXPECT_FALSE(first.find({"ann", "1", "x"})->has_value());
  first.keep({"ann", "1", "x"}, answer);
  EXPECT_EQ(**first.find({"ann", "1", "x"}), answer);
  const StoredAnswers next = book();
  EXPECT_EQ(**next.find({"ann", "1", "x"}), answer);
  EXPECT_FALSE(next.find({"bob", "1", "x"})->has_value());  // another caller's id is another
  EXPECT_EQ(next.find({"ann", "1", "y"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoredAnswersTest, WithoutAnIdNothingIsKept) {
  StoredAnswers answers = book();
  answers.keep({"ann", "", "x"}, "done");
  EXPECT_FALSE(answers.find({"ann", "", "x"})->has_value());
  EXPECT_TRUE(notes_.empty());
}

TEST_F(StoredAnswersTest, ALaterAnswerTakesThePlaceOfTheFirst) {
  StoredAnswers answers = book();
  answers.keep({"ann", "1", "x"}, "begun");
  answers.keep({"ann", "1", "x"}, "done");
  EXPECT_EQ(notes_.size(), 1u);
  EXPECT_EQ(**book().find({"ann", "1", "x"}), "done");
}

TEST_F(StoredAnswersTest, TheOldestAreForgottenAndTheRingGoesOn) {
  {
    StoredAnswers answers = book();
    for (size_t i = 0; i < StoredAnswers::kKept; ++i) answers.keep({"ann", absl::StrCat(i), "x"}, "a");
  }
  StoredAnswers answers = book();
  answers.keep({"ann", "more", "x"}, "b");
  EXPECT_EQ(notes_.size(), StoredAnswers::kKept);
  for (const bool restarted : {false, true}) {
    const StoredAnswers now = restarted ? book() : StoredAnswers({}, "");
    const StoredAnswers& seen = restarted ? now : answers;
    EXPECT_FALSE(seen.find({"ann", "0", "x"})->has_value());
    EXPECT_TRUE(seen.find({"ann", "1", "x"})->has_value());
    EXPECT_EQ(**seen.find({"ann", "more", "x"}), "b");
  }
}

TEST_F(StoredAnswersTest, ANoteCountsOnlyOnceItIsRemembered) {
  StoredAnswers answers = book();
  const Note note = answers.note({"ann", "1", "x"}, "done");
  EXPECT_FALSE(answers.find({"ann", "1", "x"})->has_value());
  notes_[note.name] = note.text;  // written with what it is about
  EXPECT_EQ(**book().find({"ann", "1", "x"}), "done");
  notes_["7"] = "rubbish";
  EXPECT_EQ(**book().find({"ann", "1", "x"}), "done");
}

}  // namespace
}  // namespace outrigger::agent
