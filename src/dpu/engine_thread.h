// The engine wants every call from one thread, and a call every 100 ms; API calls come from many.  So one
// thread owns it: it starts the engine, runs the calls given to it in order, tends the engine in between, and
// stops it. Thread-safety: call() from any number of threads; each waits for its own result.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "engine/engine.h"

namespace outrigger::agent {

class EngineThread {
 public:
  using Start = std::function<absl::StatusOr<std::unique_ptr<engine::Engine>>()>;

  // Returns when the engine runs, or why it does not.
  static absl::StatusOr<std::unique_ptr<EngineThread>> start(Start start);
  ~EngineThread();  // runs what was given, then stops the engine

  template <typename F>
  auto call(F function) -> decltype(function(std::declval<engine::Engine&>())) {
    using Result = decltype(function(std::declval<engine::Engine&>()));
    std::packaged_task<Result(engine::Engine&)> task(std::move(function));
    std::future<Result> result = task.get_future();
    post([&task](engine::Engine& engine) { task(engine); });
    return result.get();
  }

 private:
  using Call = std::function<void(engine::Engine&)>;
  EngineThread() = default;
  void post(Call call);
  void run(engine::Engine& engine);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Call> calls_;  // under mutex_
  bool stop_ = false;       // under mutex_
  std::thread thread_;
};

}  // namespace outrigger::agent
