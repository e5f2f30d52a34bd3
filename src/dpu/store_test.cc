#include "dpu/store.h"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/test_folder.h"
#include "dpu/note_memory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace outrigger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StoredObject object(const std::string& name, const std::string& text, uint64_t generation) {
  return {"Endpoint", "shop", name, text, "web.yaml", 7, generation};
}

// One apply: the objects and the generation, or nothing.
absl::Status write(Store& store, const std::vector<StoredObject>& objects, uint64_t generation) {
  auto transaction = store.begin();
  if (!transaction.ok()) return transaction.status();
  for (const StoredObject& one : objects) {
    if (absl::Status status = transaction->put(one); !status.ok()) return status;
  }
  if (absl::Status status = transaction->set_generation(generation); !status.ok()) return status;
  return transaction->commit();
}

void execute(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  sqlite3_close(database);
}

class StoreTest : public ::testing::Test {
 protected:
  Store open() {
    auto store = Store::open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  TestFolder folder_;
  std::string path_ = folder_.file("state.db");
};

TEST_F(StoreTest, NotesThatBelongTogetherAreAllThereOrNone) {
  Store store = open();
  std::mutex lock;
  const NoteMemory notes = notes_in(store, lock);
  execute(path_,
          "CREATE TRIGGER refuse BEFORE INSERT ON note WHEN NEW.topic = 'answer' AND NEW.name = '2' "
          "BEGIN SELECT RAISE(ABORT, 'no'); END");
  EXPECT_FALSE(put_together(notes, {{"rollout", "ro-2", "record"}, {"answer", "2", "answer"}}).ok());
  EXPECT_TRUE(notes.all("rollout")->empty());
  ASSERT_TRUE(put_together(notes, {{"rollout", "ro-1", "record"}, {"answer", "1", "answer"}}).ok());
  EXPECT_EQ(notes.all("rollout")->size(), 1u);
  EXPECT_EQ(notes.all("answer")->size(), 1u);
}

// SQLite passes over such a log, and over what was committed to it.
TEST_F(StoreTest, ALogWithoutItsHeadIsDamage) {
  Store store = open();
  ASSERT_TRUE(write(store, {object("web", "a", 1)}, 1).ok());
  const std::string copy = folder_.file("copy.db");
  std::filesystem::copy_file(path_, copy);
  std::filesystem::copy_file(path_ + "-wal", copy + "-wal");
  const auto put_head = [&copy](const std::string& head) {
    std::fstream(copy + "-wal", std::ios::in | std::ios::out | std::ios::binary) << head;
  };
  put_head("rubbish");
  const absl::Status status = Store::open(copy).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(copy + "-wal, is damaged"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("mv ", copy)));
  put_head(std::string(32, '\0'));
  EXPECT_TRUE(Store::open(copy).ok());
}

TEST_F(StoreTest, ANewOneIsEmpty) {
  Store store = open();
  EXPECT_TRUE(store.load()->empty());
  EXPECT_EQ(*store.generation(), 0u);
}

TEST_F(StoreTest, KeepsWhatWasCommittedAcrossReopening) {
  {
    Store store = open();
    ASSERT_TRUE(
        write(store, {object("web-1", "a: 'x'\nb: \"\xc3\xa9\"\n", 1), object("db-1", "", 1)}, 1).ok());
    ASSERT_TRUE(write(store, {object("web-1", "second", 2)}, 2).ok());
  }
  Store store = open();
  const auto objects = *store.load();
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].name, "db-1");  // by name
  EXPECT_EQ(objects[0].generation, 1u);
  EXPECT_EQ(objects[1].text, "second");
  EXPECT_EQ(objects[1].file, "web.yaml");
  EXPECT_EQ(objects[1].line, 7);
  EXPECT_EQ(*store.generation(), 2u);
}

TEST_F(StoreTest, ATransactionNotCommittedLeavesNothing) {
  Store store = open();
  ASSERT_TRUE(write(store, {object("web-1", "first", 1)}, 1).ok());
  {
    auto transaction = store.begin();
    ASSERT_TRUE(transaction->put(object("web-1", "second", 2)).ok());
    ASSERT_TRUE(transaction->put(object("web-2", "new", 2)).ok());
    ASSERT_TRUE(transaction->set_generation(2).ok());
  }
  ASSERT_EQ(store.load()->size(), 1u);
  EXPECT_EQ(store.load()->front().text, "first");
  EXPECT_EQ(*store.generation(), 1u);
}

TEST_F(StoreTest, RemovesByWholeName) {
  Store store = open();
  ASSERT_TRUE(write(store, {object("web-1", "", 1), {"Pod", "shop", "web-1", "", "", 0, 1}}, 1).ok());
  auto transaction = store.begin();
  ASSERT_TRUE(transaction->remove("Endpoint", "shop", "web-1").ok());
  ASSERT_TRUE(transaction->commit().ok());
  ASSERT_EQ(store.load()->size(), 1u);
  EXPECT_EQ(store.load()->front().kind, "Pod");
}

TEST_F(StoreTest, ADamagedFileIsRefusedWithTheWayOut) {
  { Store store = open(); }
  std::filesystem::remove(path_ + "-wal");
  std::ofstream(path_, std::ios::binary) << std::string(8192, '?');
  const auto status = Store::open(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("mv ", path_)));
}

TEST_F(StoreTest, DamageInsideIsFound) {
  {
    Store store = open();
    std::vector<StoredObject> many;
    for (int i = 0; i < 500; ++i) many.push_back(object(absl::StrCat("web-", i), std::string(200, 'x'), 1));
    ASSERT_TRUE(write(store, many, 1).ok());
  }
  const auto size = std::filesystem::file_size(path_);
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(size / 2 / 4096 * 4096));
  file << std::string(4096, '\x7f');
  file.close();
  const auto status = Store::open(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST_F(StoreTest, ADatabaseOfSchema1GoesOnAsSchema2) {
  {
    Store store = open();
    ASSERT_TRUE(write(store, {object("web-1", "first", 3)}, 3).ok());
  }
  execute(path_, "DROP TABLE id; DROP TABLE next_id; DROP TABLE note; PRAGMA user_version = 1");
  Store store = open();
  EXPECT_EQ(*store.generation(), 3u);
  EXPECT_EQ(store.load()->size(), 1u);
  EXPECT_TRUE(store.books()->empty());
  EXPECT_TRUE(store.put_note("engine", "version", "1.2.0").ok());
}

TEST_F(StoreTest, IdsBelongToTheTransaction) {
  Store store = open();
  for (const bool committed : {true, false}) {
    auto transaction = store.begin();
    ASSERT_TRUE(transaction->put_id("ports", committed ? "shop/a" : "shop/b", 1).ok());
    ASSERT_TRUE(transaction->set_next_id("ports", committed ? 2 : 3).ok());
    if (committed) {
      ASSERT_TRUE(transaction->commit().ok());
    }
  }
  const auto books = store.books();
  ASSERT_TRUE(books.ok()) << books.status();
  EXPECT_EQ(books->at("ports").next, 2u);
  EXPECT_EQ(books->at("ports").ids, (std::map<std::string, uint32_t>{{"shop/a", 1}}));
}

TEST_F(StoreTest, NotesOutliveTheStoreAndAreReplaced) {
  {
    Store store = open();
    ASSERT_TRUE(store.put_note("rollout", "1", "planned").ok());
    ASSERT_TRUE(store.put_note("rollout", "1", "complete").ok());
    ASSERT_TRUE(store.put_note("rollout", "2", "hold").ok());
    ASSERT_TRUE(store.drop_note("rollout", "2").ok());
    ASSERT_TRUE(store.put_note("engine", "version", "1").ok());
  }
  EXPECT_EQ(*open().notes("rollout"), (std::map<std::string, std::string>{{"1", "complete"}}));
}

TEST_F(StoreTest, ANewerSchemaIsRefusedWithTheWayOut) {
  { Store store = open(); }
  execute(path_, "PRAGMA user_version = 7");
  const auto status = Store::open(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema 7, this one knows 2"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("mv "));
}

TEST_F(StoreTest, SomebodyElsesDatabaseIsLeftAlone) {
  execute(path_, "CREATE TABLE photos(name)");
  const auto status = Store::open(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("was not written by outriggerd"));
}

TEST_F(StoreTest, AFileLeftEmptyByACrashIsUsed) {
  execute(path_, "PRAGMA journal_mode = WAL");
  EXPECT_EQ(*open().generation(), 0u);
}

// A child applies generation after generation, telling us each number once commit() has returned; it is
// killed at some moment of that, many times.  What it told is there, and nothing is there in part.
TEST_F(StoreTest, KillLosesNothingThatWasCommitted) {
  { Store store = open(); }
  for (int round = 0; round < 25; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = Store::open(path_);
      for (uint64_t next = *store->generation() + 1;; ++next) {
        const std::string text = absl::StrCat(next);
        if (!write(*store, {object("a", text, next), object("b", text, next)}, next).ok()) _exit(1);
        if (::write(pipe_ends[1], &next, sizeof(next)) != sizeof(next)) _exit(1);
      }
    }
    close(pipe_ends[1]);
    usleep(2000 + 1700 * static_cast<useconds_t>(round));
    kill(child, SIGKILL);
    int how = 0;
    waitpid(child, &how, 0);
    ASSERT_TRUE(WIFSIGNALED(how)) << "the child failed by itself";
    uint64_t told = 0;
    for (uint64_t one; read(pipe_ends[0], &one, sizeof(one)) == sizeof(one);) told = one;
    close(pipe_ends[0]);

    Store store = open();
    const uint64_t generation = *store.generation();
    EXPECT_GE(generation, told);
    EXPECT_LE(generation, told == 0 ? generation : told + 1);
    const auto objects = *store.load();
    if (generation == 0) continue;
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_EQ(objects[0].text, absl::StrCat(generation));
    EXPECT_EQ(objects[1].text, absl::StrCat(generation));
  }
  EXPECT_GT(*open().generation(), 10u) << "the children got nowhere: nothing was tested";
}

}  // namespace
}  // namespace outrigger::agent
