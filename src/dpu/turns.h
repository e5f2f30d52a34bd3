// One at a time of those who ask the same: the second waits until the first is done. Thread-safety: any
// thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace outrigger::agent {

class Turns {
 public:
  // For as long as it lives.  An empty key is never the same.
  class Turn {
   public:
    Turn(Turns& owner, std::string key) : owner_(owner), key_(std::move(key)) {
      if (key_.empty()) return;
      std::unique_lock lock(owner_.mutex_);
      owner_.over_.wait(lock, [&] { return owner_.under_way_.insert(key_).second; });
    }
    ~Turn() {
      if (key_.empty()) return;
      const std::lock_guard lock(owner_.mutex_);
      owner_.under_way_.erase(key_);
      owner_.over_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& owner_;
    const std::string key_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  std::set<std::string> under_way_;
};

}  // namespace outrigger::agent
