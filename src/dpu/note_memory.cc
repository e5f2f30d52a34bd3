#include "dpu/note_memory.h"

namespace outrigger::agent {

namespace {

absl::Status put_all(Store& store, const std::vector<Note>& notes) {
  auto transaction = store.begin();
  if (!transaction.ok()) return transaction.status();
  for (const Note& note : notes) {
    if (absl::Status status = store.put_note(note.topic, note.name, note.text); !status.ok()) return status;
  }
  return transaction->commit();
}

}  // namespace

NoteMemory notes_in(Store& store, std::mutex& lock) {
  return {[&store, &lock](const std::string& topic, const std::string& name, const std::string& text) {
            const std::lock_guard held(lock);
            return store.put_note(topic, name, text);
          },
          [&store, &lock](const std::string& topic) {
            const std::lock_guard held(lock);
            return store.notes(topic);
          },
          [&store, &lock](const std::vector<Note>& notes) {
            const std::lock_guard held(lock);
            return put_all(store, notes);
          }};
}

}  // namespace outrigger::agent
