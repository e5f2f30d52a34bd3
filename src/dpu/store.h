// What was applied must outlive the daemon: a kill -9 at any moment loses no applied configuration, and a
// database that cannot be used says so, with the way out.
//
// Theory of operation.  One SQLite file, write-ahead log, synchronous=FULL: commit() returns once the log is
// on disk. An apply is one Transaction; dropping it undoes it.  The schema's version is PRAGMA user_version.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
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

class Store {
 public:
  static constexpr int kSchema = 1;

  // Opens or creates `path`.  DataLoss when it is damaged or no database of ours, FailedPrecondition when a
  // newer outriggerd wrote it.
  static absl::StatusOr<Store> open(const std::string& path);
  ~Store();
  Store(Store&& other) noexcept;
  Store& operator=(Store&& other) noexcept;

  absl::StatusOr<std::vector<StoredObject>> load();  // by kind, namespace, name
  absl::StatusOr<uint64_t> generation();

  // Open until commit(); destroyed before that, nothing has happened.
  class Transaction {
   public:
    ~Transaction();
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    absl::Status put(const StoredObject& object);
    absl::Status remove(const std::string& kind, const std::string& ns, const std::string& name);
    absl::Status set_generation(uint64_t generation);
    absl::Status commit();

   private:
    friend class Store;
    explicit Transaction(Store* store) : store_(store) {}
    Store* store_;
  };
  absl::StatusOr<Transaction> begin();

 private:
  Store(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  absl::Status run(const char* sql);
  absl::Status prepare();
  absl::Status create();
  [[nodiscard]] absl::Status error(const std::string& doing) const;

  sqlite3* database_ = nullptr;
  std::string path_;
};

}  // namespace outrigger::agent
