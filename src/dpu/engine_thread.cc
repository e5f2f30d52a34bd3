#include "dpu/engine_thread.h"

#include <chrono>
#include <utility>

namespace outrigger::agent {

namespace {

constexpr auto kTendEvery = std::chrono::milliseconds(100);

}  // namespace

absl::StatusOr<std::unique_ptr<EngineThread>> EngineThread::start(Start start) {
  std::unique_ptr<EngineThread> made(new EngineThread());
  std::promise<absl::Status> started;
  made->thread_ = std::thread([self = made.get(), start = std::move(start), &started] {
    absl::StatusOr<std::unique_ptr<engine::Engine>> engine = start();
    const bool good = engine.ok();
    started.set_value(engine.status());
    if (good) self->run(**engine);
  });
  if (absl::Status status = started.get_future().get(); !status.ok()) return status;
  return made;
}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EngineThread::post(Call call) {
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  wake_.notify_one();
}

void EngineThread::run(engine::Engine& engine) {
  auto due = std::chrono::steady_clock::now() + kTendEvery;
  std::unique_lock lock(mutex_);
  while (!stop_ || !calls_.empty()) {
    wake_.wait_until(lock, due, [this] { return stop_ || !calls_.empty(); });
    if (!calls_.empty()) {
      const Call call = std::move(calls_.front());
      calls_.pop_front();
      lock.unlock();
      call(engine);
      lock.lock();
    }
    if (const auto now = std::chrono::steady_clock::now(); now >= due) {
      lock.unlock();
      engine.tend();
      lock.lock();
      due = now + kTendEvery;
    }
  }
}

}  // namespace outrigger::agent
