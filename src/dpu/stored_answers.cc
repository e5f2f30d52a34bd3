#include "dpu/stored_answers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::agent {

namespace {

// FNV-1a: the same in every process.
uint64_t digest_of(const std::string& bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace

absl::Status put_together(const NoteMemory& memory, const std::vector<Note>& notes) {
  if (memory.put_all) return memory.put_all(notes);
  for (const Note& note : notes) {
    if (absl::Status status = memory.put(note.topic, note.name, note.text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// A note's text is its number, actor, id, digest and answer, a line each, escaped.
StoredAnswers::StoredAnswers(NoteMemory memory, std::string topic)
    : memory_(std::move(memory)), topic_(std::move(topic)) {
  if (!memory_.all) return;
  const auto notes = memory_.all(topic_);
  if (!notes.ok()) return;
  for (const auto& [name, text] : *notes) {
    const std::vector<std::string> lines = absl::StrSplit(text, '\n');
    Kept one{};
    if (lines.size() != 5 || !absl::SimpleAtoi(lines[0], &one.slot) ||
        !absl::CUnescape(lines[1], &one.actor) || !absl::CUnescape(lines[2], &one.id) ||
        !absl::SimpleAtoi(lines[3], &one.digest) || !absl::CUnescape(lines[4], &one.answer))
      continue;
    kept_.push_back(std::move(one));
  }
  std::sort(kept_.begin(), kept_.end(), [](const Kept& a, const Kept& b) { return a.slot < b.slot; });
  if (!kept_.empty()) next_ = kept_.back().slot + 1;
}

const StoredAnswers::Kept* StoredAnswers::seen(const Asked& asked) const {
  for (const Kept& one : kept_) {
    if (!asked.id.empty() && one.id == asked.id && one.actor == asked.actor) return &one;
  }
  return nullptr;
}

absl::StatusOr<std::optional<std::string>> StoredAnswers::find(const Asked& asked) const {
  const std::lock_guard lock(mutex_);
  const Kept* one = seen(asked);
  if (one == nullptr) return std::optional<std::string>();
  if (one->digest == digest_of(asked.request)) return std::optional<std::string>(one->answer);
  return absl::InvalidArgumentError(
      absl::StrCat("request id \"", asked.id, "\" was used for another request"));
}

Note StoredAnswers::made(const Asked& asked, const std::string& answer) const {
  const Kept* one = seen(asked);
  const size_t slot = one == nullptr ? next_ : one->slot;
  return {topic_, absl::StrCat(slot % kKept),
          absl::StrCat(slot, "\n", absl::CEscape(asked.actor), "\n", absl::CEscape(asked.id), "\n",
                       digest_of(asked.request), "\n", absl::CEscape(answer))};
}

void StoredAnswers::add(const Asked& asked, const std::string& answer) {
  const Kept* const before = seen(asked);
  for (Kept& one : kept_) {
    if (&one == before) one.answer = answer;
  }
  if (before != nullptr) return;
  kept_.push_back({next_++, asked.actor, asked.id, digest_of(asked.request), answer});
  if (kept_.size() > kKept) kept_.pop_front();
}

Note StoredAnswers::note(const Asked& asked, const std::string& answer) const {
  const std::lock_guard lock(mutex_);
  return made(asked, answer);
}

void StoredAnswers::remember(const Asked& asked, const std::string& answer) {
  const std::lock_guard lock(mutex_);
  if (!asked.id.empty()) add(asked, answer);
}

void StoredAnswers::keep(const Asked& asked, const std::string& answer) {
  if (asked.id.empty()) return;
  const std::lock_guard lock(mutex_);
  const Note note = made(asked, answer);
  if (memory_.put) (void)memory_.put(note.topic, note.name, note.text);
  add(asked, answer);
}

}  // namespace outrigger::agent
