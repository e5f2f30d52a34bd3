// What every write of the API has in common, whichever service it belongs to: the same request of the same
// caller is done once and answered alike, also by the next agent; it can be tied to what its caller has seen
// (an etag); it can be checked without being done. Thread-safety: any thread; who asks the same while it is
// being done waits for it.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "dpu/stored_answers.h"
#include "dpu/turns.h"

namespace outrigger::agent {

template <typename Request>
Asked asked_of(const Request& request, const std::string& actor) {
  Request bare = request;
  bare.clear_request_id();
  return {actor, request.request_id(), absl::StrCat(Request::descriptor()->name(), bare.SerializeAsString())};
}

// Aborted, naming both, unless `given` is empty or still so.
absl::Status check_etag(const std::string& what, const std::string& now, const std::string& given);

class Writes {
 public:
  // `begun`: what begin() was told by an agent that died at it; empty: nobody has begun.
  using Act = std::function<absl::StatusOr<std::string>(const std::string& begun)>;

  Writes(NoteMemory memory, std::string topic) : answers_(std::move(memory), std::move(topic)) {}

  // The answer that is kept, or what `act` makes, which is kept.  An error says that nothing was done: it is
  // not kept, and the same may be tried again.
  absl::StatusOr<std::string> once(const Asked& asked, const Act& act);
  // For `act`, before it changes what takes long: how things were `before`, which must not be empty.
  void begin(const Asked& asked, const std::string& before);

 private:
  StoredAnswers answers_;
  Turns turns_;  // of one request, whoever asks it again
};

}  // namespace outrigger::agent
