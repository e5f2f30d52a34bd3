// Rollouts of a service that is none, with health, measurements and a store that the test sets.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "dpu/rollout/rollouts.h"
#include "gmock/gmock.h"

namespace outrigger::agent {

class Board : public HealthBoard {
 public:
  [[nodiscard]] std::vector<ServiceState> all() const override { return {of("policy")}; }
  [[nodiscard]] ServiceState of(const std::string& service) const override {
    const std::lock_guard lock(mutex_);
    ServiceState state;
    state.service = service;
    state.health = health_;
    state.last_probe = absl::Now() - age_;
    return state;
  }
  uint64_t watch(std::function<void(const ServiceState&)>) override { return 0; }
  void forget(uint64_t) override {}
  void set(Health health, absl::Duration age = absl::ZeroDuration()) {
    const std::lock_guard lock(mutex_);
    health_ = health;
    age_ = age;
  }

 private:
  mutable std::mutex mutex_;
  Health health_ = Health::kReady;
  absl::Duration age_;
};

// What was measured before the change and what is measured after it, whatever times are asked for.
class MadeUp : public Measurements {
 public:
  explicit MadeUp(std::function<bool()> is_before) : is_before_(std::move(is_before)) {}
  [[nodiscard]] Measured between(absl::Time, absl::Time) const override {
    const bool before = is_before_();
    const std::lock_guard lock(mutex_);
    return before ? before_ : after_;
  }
  void set(Measured before, Measured after) {
    const std::lock_guard lock(mutex_);
    before_ = std::move(before);
    after_ = std::move(after);
  }

 private:
  const std::function<bool()> is_before_;
  mutable std::mutex mutex_;
  Measured before_, after_;
};

// A service that changes by assignment, and a memory that outlives the rollouts.
class RolloutsTest : public ::testing::Test, public Events {
 protected:
  void restart() {
    rollouts_.reset();
    RolloutMemory memory{[this](const auto& topic, const auto& name, const auto& text) {
                           const std::lock_guard lock(mutex_);
                           stored_[topic][name] = text;
                           return absl::OkStatus();
                         },
                         [this](const auto& topic) -> absl::StatusOr<std::map<std::string, std::string>> {
                           const std::lock_guard lock(mutex_);
                           return stored_[topic];
                         }};
    rollouts_ = std::make_unique<Rollouts>(memory, &board_, this,
                                           RolloutTimes{.poll = absl::Milliseconds(5),
                                                        .judge_every = absl::Milliseconds(5),
                                                        .arrive = absl::Milliseconds(20)},
                                           &measurements_);
    Changer changer;
    changer.group = "engine";
    changer.version = [this] { return version(); };
    changer.preflight = [this](const RolloutOrder&) { return preflight_; };
    changer.change = [this](const RolloutOrder& order) -> absl::StatusOr<std::string> {
      if (!change_.ok()) return change_;
      while (shadows_ && !order.aborted()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (order.aborted()) return absl::CancelledError("aborted by word");
      while (order.held()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      set_version(order.to);
      return std::string("10 compared");
    };
    changer.go_back = [this](const std::string& to, const std::string&) {
      if (go_back_.ok()) set_version(to);
      return go_back_;
    };
    for (const char* service : {"policy", "overlay"}) rollouts_->offer(service, changer);
    ASSERT_TRUE(rollouts_->recover().ok());
  }
  void SetUp() override { restart(); }
  void TearDown() override { rollouts_.reset(); }
  void record(Event event) override {
    const std::lock_guard lock(mutex_);
    severities_.push_back(event.severity);
  }

  std::string version() {
    const std::lock_guard lock(mutex_);
    return version_;
  }
  void set_version(const std::string& to) {
    const std::lock_guard lock(mutex_);
    version_ = to;
  }
  absl::StatusOr<v1::Rollout> start(double settle = 0.05) {
    v1::StartRolloutRequest request;
    request.set_service("policy");
    request.set_to("2");
    request.set_settle_seconds(settle);
    return rollouts_->start(request, "ann");
  }
  // With a gate, over as soon as it may be.
  absl::StatusOr<v1::Rollout> start_gated(double analyse = 0.05) {
    v1::StartRolloutRequest request;
    request.set_service("policy");
    request.set_to("2");
    request.set_analyse_seconds(analyse);
    return rollouts_->start(request, "ann");
  }
  absl::StatusOr<v1::Rollout> say(const std::string& verb, const std::string& etag = "") {
    v1::ChangeRolloutRequest request;
    request.set_service("policy");
    request.set_verb(verb);
    request.set_etag(etag);
    return rollouts_->change(request, "bob");
  }
  std::string until(const std::string& state) {
    for (int i = 0; i < 500; ++i) {
      const auto now = rollouts_->latest("policy");
      if (now.ok() && now->state() == state) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return rollouts_->latest("policy")->state();
  }
  std::vector<std::string> states() {
    std::vector<std::string> all;
    const v1::Rollout now = *rollouts_->latest("policy");
    for (const auto& one : now.transitions()) all.push_back(one.state());
    return all;
  }

  std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> stored_;
  std::vector<Severity> severities_;
  std::string version_ = "1";
  absl::Status preflight_, change_, go_back_;
  std::atomic<bool> shadows_{false};  // until it is aborted
  Board board_;
  MadeUp measurements_{[this] { return version() == "1"; }};
  std::unique_ptr<Rollouts> rollouts_;
};

}  // namespace outrigger::agent
