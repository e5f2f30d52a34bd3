// A PKI in a temporary folder and mTLS over loopback, for tests that must see the real handshake.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dpu/journal/events.h"
#include "dpu/secure/call_by_name.h"
#include "dpu/secure/pki.h"
#include "dpu/secure/tls.h"

namespace outrigger::secure {

// What was told, by the call it was about.
class Heard : public agent::Events {
 public:
  void record(agent::Event event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  size_t count(const std::string& call, Domain domain = Domain::kHost) {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(events_.begin(), events_.end(), [&](const agent::Event& one) {
      return one.kind == agent::Kind::kRefusedAccess && one.domain == domain &&
             one.evidence.at("call") == call;
    }));
  }

 private:
  std::mutex mutex_;
  std::vector<agent::Event> events_;
};

class WireTest : public testing::Test {
 protected:
  WireTest() {
    std::string name = "/tmp/outrigger-wire-XXXXXX";
    folder_ = mkdtemp(name.data());
    auto pki = Pki::init(folder_, "test.local", Overwrite::kNo);
    EXPECT_TRUE(pki.ok()) << pki.status();
    issue(*pki, Role::kDpu, "node-a");
    for (const Role role : kRoles) issue(*pki, role, name_for(role));
  }
  ~WireTest() override { std::filesystem::remove_all(folder_); }

  static std::string name_for(Role role) { return role == Role::kHost ? "node-a" : "someone"; }
  static void issue(Pki& pki, Role role, const std::string& name) {
    const auto leaf = pki.issue({role, name, {}, absl::Hours(1)}, Overwrite::kYes);
    ASSERT_TRUE(leaf.ok()) << leaf.status();
  }

  TlsFiles server_files() const { return files_of(folder_, "dpu-node-a"); }
  TlsFiles files_for(Role role) const {
    return {
        .certificate = leaf_path(folder_, role, name_for(role)), .key = "", .authority = folder_ + "/ca.crt"};
  }

  // A connection of its own: gRPC shares those whose credentials it holds to be equal.
  static std::shared_ptr<grpc::Channel> dial(int port, const TlsFiles& files) {
    const auto credentials = client_credentials(files);
    EXPECT_TRUE(credentials.ok()) << credentials.status();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), *credentials, arguments);
  }

  // Any method by name, with any bytes.
  static grpc::Status call(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                           const std::string& bytes = "") {
    return call_by_name(channel, path, bytes, std::chrono::seconds(5));
  }

  std::string folder_;
};

}  // namespace outrigger::secure
