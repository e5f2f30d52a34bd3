// A caller who heard no answer asks again with the same request id and must be told what happened the first
// time, not have it done twice: also when the agent was restarted in between.  The last kKept answers of a
// topic are kept as notes of the store, in a ring.  A call that failed changed nothing, is not kept, and may
// be tried again. Thread-safety: any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace outrigger::agent {

struct Note {
  std::string topic, name, text;
};
// Texts that outlive the agent, by topic and name: the store's notes.
struct NoteMemory {
  std::function<absl::Status(const std::string& topic, const std::string& name, const std::string& text)> put;
  std::function<absl::StatusOr<std::map<std::string, std::string>>(const std::string& topic)> all;
  // All of them or none, whenever the agent dies.  Not set: one after the other.
  std::function<absl::Status(const std::vector<Note>& notes)> put_all{};
};
absl::Status put_together(const NoteMemory& memory, const std::vector<Note>& notes);

// Who asked for what.
struct Asked {
  std::string actor;
  std::string id;       // empty: never the same
  std::string request;  // its bytes without the id

  // The same for the same caller's same id; empty: never the same.
  [[nodiscard]] std::string key() const { return id.empty() ? "" : actor + "\n" + id; }
};

class StoredAnswers {
 public:
  static constexpr size_t kKept = 256;

  // Reads what was kept; what cannot be read is forgotten.  `memory` may be empty: then nothing outlives it.
  StoredAnswers(NoteMemory memory, std::string topic);

  // nullopt: not seen.  InvalidArgument: the same id came with another request.
  absl::StatusOr<std::optional<std::string>> find(const Asked& asked) const;
  void keep(const Asked& asked, const std::string& answer);

  // The same in two steps, for who writes the note together with what it is about: make it, write it, and
  // then remember.
  [[nodiscard]] Note note(const Asked& asked, const std::string& answer) const;
  void remember(const Asked& asked, const std::string& answer);

 private:
  struct Kept {
    size_t slot;
    std::string actor, id;
    uint64_t digest;
    std::string answer;
  };
  [[nodiscard]] const Kept* seen(const Asked& asked) const;
  [[nodiscard]] Note made(const Asked& asked, const std::string& answer) const;
  void add(const Asked& asked, const std::string& answer);

  const NoteMemory memory_;
  const std::string topic_;
  mutable std::mutex mutex_;
  std::deque<Kept> kept_;  // the oldest first
  size_t next_ = 0;        // slot of the ring
};

}  // namespace outrigger::agent
