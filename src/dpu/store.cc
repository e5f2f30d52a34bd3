#include "dpu/store.h"

#include <sqlite3.h>

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
static_assert(kApplicationId == 1333097586 && Store::kSchema == 1);

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

absl::StatusOr<int64_t> number(sqlite3* database, const char* sql) {
  Statement statement(database, sql);
  if (!statement.good() || statement.step() != SQLITE_ROW)
    return absl::DataLossError(sqlite3_errmsg(database));
  return statement.number_at(0);
}

}  // namespace

absl::StatusOr<Store> Store::open(const std::string& path) {
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

// Damage and foreign files are told apart from a full disk or a missing right: only the former need moving
// away.
absl::Status Store::error(const std::string& doing) const {
  const int code = database_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database_) & 0xff;
  const std::string what = absl::StrCat("state database ", path_, " ", doing, ": ",
                                        database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_));
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return absl::DataLossError(absl::StrCat(what, "; it is damaged: ", way_out(path_)));
  }
  if (code == SQLITE_FULL)
    return absl::ResourceExhaustedError(absl::StrCat(what, "; free space on its disk"));
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
  sqlite3_busy_timeout(database_, 2000);
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
  if (check.text_at(0) == "ok") return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("state database ", path_, " is damaged (", check.text_at(0), "): ", way_out(path_)));
}

absl::Status Store::create() { return run(kCreate); }

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

absl::Status Store::Transaction::commit() {
  if (absl::Status status = store_->run("COMMIT"); !status.ok()) return status;
  store_ = nullptr;
  return absl::OkStatus();
}

}  // namespace outrigger::agent
