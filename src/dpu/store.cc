#include "dpu/store.h"

#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

constexpr int kApplicationId = 0x4f757472;  // "Outr", in the file's header

constexpr const char* kCreate = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE object(kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL,
    file TEXT NOT NULL, line INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY(kind, namespace, name))
    WITHOUT ROWID;
  CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counter VALUES('generation', 0);
  PRAGMA application_id = 1333097586;
  PRAGMA user_version = 1;
  COMMIT;
)";
constexpr const char* kToSchema2 = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE id(book TEXT NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(book, name)) WITHOUT ROWID;
  CREATE TABLE next_id(book TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE note(topic TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY(topic, name))
    WITHOUT ROWID;
  PRAGMA user_version = 2;
  COMMIT;
)";
static_assert(kApplicationId == 1333097586 && Store::kSchema == 2);
constexpr int kPatienceMs = 30000;  // for our own other connection: an apply may wait for the engine

// A prepared statement that binds by position and cannot leak.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  [[nodiscard]] bool good() const { return statement_ != nullptr; }
  Statement& text(int at, const std::string& value) {
    sqlite3_bind_text(statement_, at, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& number(int at, uint64_t value) {
    sqlite3_bind_int64(statement_, at, static_cast<sqlite3_int64>(value));
    return *this;
  }
  int step() { return sqlite3_step(statement_); }
  [[nodiscard]] std::string text_at(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr
               ? ""
               : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }
  [[nodiscard]] int64_t number_at(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

std::string way_out(const std::string& path) {
  return absl::StrCat("move it away (mv ", path, " ", path, ".old; rm -f ", path, "-wal ", path,
                      "-shm), start outriggerd and apply the manifests again");
}

// A log whose head is no head would be passed over in silence, and with it what was committed last.  Zeros
// are what a power cut leaves of a log that nothing was committed to.
bool log_is_damaged(const std::string& path) {
  std::array<unsigned char, 4> head{};
  std::ifstream log(path + "-wal", std::ios::binary);
  if (!log.read(reinterpret_cast<char*>(head.data()), head.size())) return false;
  const uint32_t magic = head[0] << 24U | head[1] << 16U | head[2] << 8U | head[3];
  return magic != 0 && (magic & ~1U) != 0x377f0682;  // sqlite.org/fileformat.html §4.1
}

absl::StatusOr<int64_t> number(sqlite3* database, const char* sql) {
  Statement statement(database, sql);
  if (!statement.good() || statement.step() != SQLITE_ROW)
    return absl::DataLossError(sqlite3_errmsg(database));
  return statement.number_at(0);
}

}  // namespace

absl::StatusOr<Store> Store::open(const std::string& path) {
  if (log_is_damaged(path)) {
    return absl::DataLossError(
        absl::StrCat("the log of state database ", path, ", ", path,
                     "-wal, is damaged, and what was applied last with it: ", way_out(path)));
  }
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
  const int opened = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  Store store(database, path);
  if (opened != SQLITE_OK) return store.error("cannot be opened");
  if (absl::Status status = store.prepare(); !status.ok()) return status;
  return store;
}

Store::~Store() { sqlite3_close(database_); }
Store::Store(Store&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), path_(std::move(other.path_)) {}
Store& Store::operator=(Store&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(path_, other.path_);
  return *this;
}

// What a disk that refuses needs, to be read after the error; "" when it is none.
std::string cure(int code, int failure) {
  if (code == SQLITE_FULL || failure == ENOSPC || failure == EDQUOT) return "free space on its disk";
  if (code == SQLITE_READONLY || failure == EROFS)
    return "its file system or file is read-only: make it writable again";
  return "";
}

// Damage and foreign files are told apart from a full disk or a missing right: only the former need moving
// away.
absl::Status Store::error(const std::string& doing) const {
  const int code = database_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database_) & 0xff;
  const std::string what = absl::StrCat("state database ", path_, " ", doing, ": ",
                                        database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_));
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return absl::DataLossError(absl::StrCat(what, "; it is damaged: ", way_out(path_)));
  }
  const int failure = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(database_) : 0;
  if (const std::string needed = cure(code, failure); !needed.empty())
    return absl::ResourceExhaustedError(absl::StrCat(what, "; ", needed));
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    return absl::UnavailableError(absl::StrCat(what, "; another program holds it open"));
  }
  return absl::InternalError(what);
}

absl::Status Store::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return error("refused a statement");
  return absl::OkStatus();
}

absl::Status Store::prepare() {
  sqlite3_busy_timeout(database_, kPatienceMs);
  const absl::StatusOr<int64_t> version = number(database_, "PRAGMA user_version");
  if (!version.ok()) return error("cannot be read");
  const absl::StatusOr<int64_t> application = number(database_, "PRAGMA application_id");
  if (!application.ok()) return error("cannot be read");
  const absl::StatusOr<int64_t> tables = number(database_, "SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return error("cannot be read");
  // A crash while it was being made leaves it empty, which is no damage.
  if (*application != kApplicationId && (*application != 0 || *tables > 0)) {
    return absl::DataLossError(
        absl::StrCat("state database ", path_, " was not written by outriggerd: ", way_out(path_)));
  }
  if (*version > kSchema) {
    return absl::FailedPreconditionError(
        absl::StrCat("state database ", path_, " was written by a newer outriggerd (schema ", *version,
                     ", this one knows ", kSchema, "): run that version again, or ", way_out(path_)));
  }
  if (absl::Status status = run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"); !status.ok())
    return status;
  if (*version == 0) return create();
  Statement check(database_, "PRAGMA quick_check(1)");
  if (!check.good() || check.step() != SQLITE_ROW) return error("cannot be checked");
  if (check.text_at(0) == "ok") return *version < kSchema ? migrate() : absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("state database ", path_, " is damaged (", check.text_at(0), "): ", way_out(path_)));
}

// Crashed in between, it is a store of schema 1 without objects, and goes on from there.
absl::Status Store::create() {
  if (absl::Status status = run(kCreate); !status.ok()) return status;
  return migrate();
}

absl::Status Store::migrate() {
  absl::Status status = run(kToSchema2);
  if (!status.ok()) (void)run("ROLLBACK");
  return status;
}

absl::StatusOr<std::vector<StoredObject>> Store::load() {
  Statement rows(database_,
                 "SELECT kind, namespace, name, text, file, line, generation FROM object "
                 "ORDER BY kind, namespace, name");
  if (!rows.good()) return error("cannot be read");
  std::vector<StoredObject> objects;
  int result = SQLITE_ROW;
  while ((result = rows.step()) == SQLITE_ROW) {
    objects.push_back({rows.text_at(0), rows.text_at(1), rows.text_at(2), rows.text_at(3), rows.text_at(4),
                       static_cast<int>(rows.number_at(5)), static_cast<uint64_t>(rows.number_at(6))});
  }
  if (result != SQLITE_DONE) return error("cannot be read");
  return objects;
}

absl::StatusOr<uint64_t> Store::generation() {
  Statement row(database_, "SELECT value FROM counter WHERE name = 'generation'");
  if (!row.good() || row.step() != SQLITE_ROW) return error("has no generation");
  return static_cast<uint64_t>(row.number_at(0));
}

absl::StatusOr<std::map<std::string, StoredBook>> Store::books() {
  std::map<std::string, StoredBook> books;
  Statement nexts(database_, "SELECT book, id FROM next_id");
  Statement ids(database_, "SELECT book, name, id FROM id");
  if (!nexts.good() || !ids.good()) return error("cannot be read");
  int result = SQLITE_ROW;
  while ((result = nexts.step()) == SQLITE_ROW)
    books[nexts.text_at(0)].next = static_cast<uint32_t>(nexts.number_at(1));
  if (result != SQLITE_DONE) return error("cannot be read");
  while ((result = ids.step()) == SQLITE_ROW)
    books[ids.text_at(0)].ids[ids.text_at(1)] = static_cast<uint32_t>(ids.number_at(2));
  if (result != SQLITE_DONE) return error("cannot be read");
  return books;
}

absl::Status Store::run_note(const char* sql, const std::string& topic, const std::string& name,
                             const std::string* text) {
  Statement row(database_, sql);
  if (!row.good()) return error("cannot be written");
  row.text(1, topic).text(2, name);
  if (text != nullptr) row.text(3, *text);
  return row.step() == SQLITE_DONE ? absl::OkStatus() : error("cannot be written");
}

absl::Status Store::put_note(const std::string& topic, const std::string& name, const std::string& text) {
  return run_note("INSERT OR REPLACE INTO note VALUES(?, ?, ?)", topic, name, &text);
}

absl::Status Store::drop_note(const std::string& topic, const std::string& name) {
  return run_note("DELETE FROM note WHERE topic = ? AND name = ?", topic, name, nullptr);
}

absl::StatusOr<std::map<std::string, std::string>> Store::notes(const std::string& topic) {
  Statement rows(database_, "SELECT name, text FROM note WHERE topic = ?");
  if (!rows.good()) return error("cannot be read");
  rows.text(1, topic);
  std::map<std::string, std::string> all;
  int result = SQLITE_ROW;
  while ((result = rows.step()) == SQLITE_ROW) all[rows.text_at(0)] = rows.text_at(1);
  if (result != SQLITE_DONE) return error("cannot be read");
  return all;
}

absl::StatusOr<Store::Transaction> Store::begin() {
  if (absl::Status status = run("BEGIN IMMEDIATE"); !status.ok()) return status;
  return Transaction(this);
}

Store::Transaction::Transaction(Transaction&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)) {}

Store::Transaction::~Transaction() {
  if (store_ != nullptr) (void)store_->run("ROLLBACK");
}

absl::Status Store::Transaction::put(const StoredObject& object) {
  Statement row(store_->database_, "INSERT OR REPLACE INTO object VALUES(?, ?, ?, ?, ?, ?, ?)");
  if (!row.good()) return store_->error("cannot be written");
  row.text(1, object.kind).text(2, object.ns).text(3, object.name).text(4, object.text).text(5, object.file);
  row.number(6, static_cast<uint64_t>(object.line)).number(7, object.generation);
  return row.step() == SQLITE_DONE ? absl::OkStatus() : store_->error("cannot be written");
}

absl::Status Store::Transaction::remove(const std::string& kind, const std::string& ns,
                                        const std::string& name) {
  Statement row(store_->database_, "DELETE FROM object WHERE kind = ? AND namespace = ? AND name = ?");
  if (!row.good()) return store_->error("cannot be written");
  row.text(1, kind).text(2, ns).text(3, name);
  return row.step() == SQLITE_DONE ? absl::OkStatus() : store_->error("cannot be written");
}

absl::Status Store::Transaction::set_generation(uint64_t generation) {
  Statement row(store_->database_, "UPDATE counter SET value = ? WHERE name = 'generation'");
  if (!row.good()) return store_->error("cannot be written");
  row.number(1, generation);
  return row.step() == SQLITE_DONE ? absl::OkStatus() : store_->error("cannot be written");
}

absl::Status Store::Transaction::run(const char* sql, const std::string& book, const std::string& name,
                                     const uint32_t* id) {
  Statement row(store_->database_, sql);
  if (!row.good()) return store_->error("cannot be written");
  row.text(1, book);
  int next = 2;
  if (!name.empty()) row.text(next++, name);
  if (id != nullptr) row.number(next, *id);
  return row.step() == SQLITE_DONE ? absl::OkStatus() : store_->error("cannot be written");
}

absl::Status Store::Transaction::put_id(const std::string& book, const std::string& name, uint32_t id) {
  return run("INSERT OR REPLACE INTO id VALUES(?, ?, ?)", book, name, &id);
}

absl::Status Store::Transaction::remove_id(const std::string& book, const std::string& name) {
  return run("DELETE FROM id WHERE book = ? AND name = ?", book, name, nullptr);
}

absl::Status Store::Transaction::set_next_id(const std::string& book, uint32_t next) {
  return run("INSERT OR REPLACE INTO next_id VALUES(?, ?)", book, "", &next);
}

absl::Status Store::Transaction::write_out() {
  const int code = sqlite3_db_cacheflush(store_->database_);  // which leaves no error behind to be read
  if (code == SQLITE_OK) return absl::OkStatus();
  const std::string what =
      absl::StrCat("state database ", store_->path_, " cannot be written: ", sqlite3_errstr(code));
  const std::string needed = cure(code & 0xff, sqlite3_system_errno(store_->database_));
  return needed.empty() ? absl::InternalError(what)
                        : absl::ResourceExhaustedError(absl::StrCat(what, "; ", needed));
}

absl::Status Store::Transaction::commit() {
  if (absl::Status status = store_->run("COMMIT"); !status.ok()) return status;
  store_ = nullptr;
  return absl::OkStatus();
}

}  // namespace outrigger::agent
