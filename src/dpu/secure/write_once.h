// A caller who heard no answer asks again with the same request id and must be told what happened the first
// time, not have it done twice.  Remembers the last kRemembered successes; a call that failed changed nothing
// and may be tried again.  Thread-safety: none; its owner does one write at a time.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace outrigger::secure {

template <typename Reply>
class WriteOnce {
 public:
  static constexpr size_t kRemembered = 256;

  // nullopt: not seen.  InvalidArgument: the same id came with another request.  `request`: its bytes without
  // the id.
  absl::StatusOr<std::optional<Reply>> find(const std::string& actor, const std::string& id,
                                            size_t request) const {
    for (const Done& one : done_) {
      if (id.empty() || one.id != id || one.actor != actor) continue;
      if (one.request == request) return std::optional<Reply>(one.reply);
      return absl::InvalidArgumentError(absl::StrCat("request id \"", id, "\" was used for another request"));
    }
    return std::optional<Reply>();
  }

  void keep(const std::string& actor, const std::string& id, size_t request, const Reply& reply) {
    if (id.empty()) return;
    if (done_.size() == kRemembered) done_.pop_front();
    done_.push_back({actor, id, request, reply});
  }

 private:
  struct Done {
    std::string actor;
    std::string id;
    size_t request;  // its digest
    Reply reply;
  };
  std::deque<Done> done_;
};

}  // namespace outrigger::secure
