// A caller that does not know whether its request arrived sends it again with the same id; it must be done
// once, and both must get the same answer. Thread-safety: any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace outrigger::agent {

template <typename Answer>
class Once {
 public:
  // Runs `act`, or waits for the run of the same id and gives its answer.  An empty id is never the same.
  Answer run(const std::string& id, const std::function<Answer()>& act) {
    if (id.empty()) return act();
    std::unique_lock lock(mutex_);
    if (const auto known = answers_.find(id); known != answers_.end()) {
      const std::shared_ptr<std::optional<Answer>> answer = known->second;
      done_.wait(lock, [&] { return answer->has_value(); });
      return **answer;
    }
    const auto answer = answers_[id] = std::make_shared<std::optional<Answer>>();
    order_.push_back(id);
    if (order_.size() > kKept) {
      answers_.erase(order_.front());
      order_.pop_front();
    }
    lock.unlock();
    Answer made = act();
    lock.lock();
    *answer = made;
    done_.notify_all();
    return made;
  }

 private:
  static constexpr size_t kKept = 256;
  std::mutex mutex_;
  std::condition_variable done_;
  std::map<std::string, std::shared_ptr<std::optional<Answer>>> answers_;
  std::deque<std::string> order_;
};

}  // namespace outrigger::agent
