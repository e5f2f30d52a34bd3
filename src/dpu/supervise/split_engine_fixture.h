// A split node of stand-ins: fake ports, fake engines, and what the agent's engine made of them.
#pragma once

#include <gmock/gmock.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/test_folder.h"
#include "dpu/supervise/split_engine.h"
#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::agent {

using ::testing::HasSubstr;

struct Heard : Events {
  void record(Event event) override { all.push_back(std::move(event)); }
  [[nodiscard]] bool has(Kind kind, Phase phase) const {
    return std::any_of(all.begin(), all.end(),
                       [&](const Event& one) { return one.kind == kind && one.phase == phase; });
  }
  // Of each change of engines, in the record of it.
  [[nodiscard]] std::vector<std::string> blackouts(Kind kind) const {
    std::vector<std::string> found;
    for (const Event& one : all) {
      const auto told = one.evidence.find("blackout_ms");
      if (one.kind == kind && told != one.evidence.end()) found.push_back(told->second);
    }
    return found;
  }
  std::vector<Event> all;
};

// A node of fakes: programs, folders, the desired state.
class SplitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.programs = {FAKE_PORTS, folder_.file("engines"), folder_.file("run"), {}, {}};
    options_.start_timeout = absl::Seconds(3);
    install("1.0.0", "ok");
  }
  void TearDown() override { end_all(); }

  void install(const std::string& version, const std::string& behaviour) {
    const std::string path = engine_path(options_.programs, version);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "#!/bin/sh\nexec " << FAKE_ENGINE << " --version " << version << " --behaviour "
                        << behaviour << " \"$@\"\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  void start() {
    agent_.reset();
    auto started = SplitEngine::start(options_, &heard_, [this] { return desired_; });
    ASSERT_TRUE(started.ok()) << started.status();
    agent_ = *std::move(started);
  }
  bool until(const std::function<bool()>& done) {
    for (int i = 0; i < 400; ++i) {
      agent_->tend();
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  // An active engine and a standby, both with what is desired.
  bool settled() {
    return until([&] {
      return agent_->active() != nullptr && agent_->standby() != nullptr &&
             agent_->current(*agent_->active()) && agent_->current(*agent_->standby());
    });
  }
  void want(uint64_t generation) {
    engine::v1::Update update;
    update.set_generation(generation);
    update.set_digest(generation * 7);
    update.mutable_structure();
    update.mutable_policy()->set_replace(true);
    whole_ = update.SerializeAsString();
    desired_ = Desired{Generation(generation), generation * 7, [this] {
                         ++built_;
                         return whole_;
                       }};
  }
  std::vector<pid_t> pids() {
    std::vector<pid_t> all;
    for (const EngineView& view : agent_->views()) {
      if (view.pid != 0) all.push_back(view.pid);
    }
    return all;
  }
  void end_all() {
    if (agent_ == nullptr) return;
    const pid_t ports = agent_->ports_view().pid;
    std::vector<pid_t> all = pids();
    all.push_back(ports);
    agent_.reset();
    for (const pid_t pid : all) {
      if (pid > 0) kill(pid, SIGKILL);
    }
  }
  std::string state_of(const std::string& version) {
    for (const EngineView& view : agent_->views()) {
      if (view.version == version) return view.state;
    }
    return "absent";
  }

  TestFolder folder_;
  SplitOptions options_;
  Heard heard_;
  std::optional<Desired> desired_ = Desired{Generation(0), 0, nullptr};
  std::string whole_;
  int built_ = 0;
  std::unique_ptr<SplitEngine> agent_;
};

}  // namespace outrigger::agent
