// What was applied must outlive the daemon: a kill -9 at any moment loses no applied configuration, and a
// database that cannot be used says so, with the way out.
//
// Theory of operation.  One SQLite file, write-ahead log, synchronous=FULL: commit() returns once the log is
// on disk. An apply is one Transaction; dropping it undoes it.  The schema's version is PRAGMA user_version.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;

namespace outrigger::agent {

struct StoredObject {
  std::string kind;
  std::string ns;
  std::string name;
  std::string text;  // its YAML
  std::string file;  // where its author finds it
  int line = 0;
  uint64_t generation = 0;  // that last changed it
};

// The ids a compiler has given out, by book: engines and sessions keep them longer than the agent lives.
struct StoredBook {
  std::map<std::string, uint32_t> ids;
  uint32_t next = 0;
};

class Store {
 public:
  static constexpr int kSchema = 2;

  // Opens or creates `path`.  DataLoss when it is damaged or no database of ours, FailedPrecondition when a
  // newer outriggerd wrote it.
  static absl::StatusOr<Store> open(const std::string& path);
  ~Store();
  Store(Store&& other) noexcept;
  Store& operator=(Store&& other) noexcept;

  absl::StatusOr<std::vector<StoredObject>> load();  // by kind, namespace, name
  absl::StatusOr<uint64_t> generation();
  absl::StatusOr<std::map<std::string, StoredBook>> books();  // by name

  // Further texts that must outlive the agent: a rollout, the version chosen.  Each written at once.
  absl::Status put_note(const std::string& topic, const std::string& name, const std::string& text);
  absl::Status drop_note(const std::string& topic, const std::string& name);
  absl::StatusOr<std::map<std::string, std::string>> notes(const std::string& topic);  // by name

  // Open until commit(); destroyed before that, nothing has happened.
  class Transaction {
   public:
    ~Transaction();
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    absl::Status put(const StoredObject& object);
    absl::Status remove(const std::string& kind, const std::string& ns, const std::string& name);
    absl::Status set_generation(uint64_t generation);
    absl::Status put_id(const std::string& book, const std::string& name, uint32_t id);
    absl::Status remove_id(const std::string& book, const std::string& name);
    absl::Status set_next_id(const std::string& book, uint32_t next);
    // Puts it on the disk without its end, so that a full disk is known before commit(), which needs little
    // more.
    absl::Status write_out();
    absl::Status commit();

   private:
    friend class Store;
    absl::Status run(const char* sql, const std::string& book, const std::string& name, const uint32_t* id);
    explicit Transaction(Store* store) : store_(store) {}
    Store* store_;
  };
  absl::StatusOr<Transaction> begin();

 private:
  Store(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  absl::Status run(const char* sql);
  absl::Status prepare();
  absl::Status create();
  absl::Status migrate();
  absl::Status run_note(const char* sql, const std::string& topic, const std::string& name,
                        const std::string* text);
  [[nodiscard]] absl::Status error(const std::string& doing) const;

  sqlite3* database_ = nullptr;
  std::string path_;
};

}  // namespace outrigger::agent
