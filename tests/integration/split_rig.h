// A node in processes: outrigger-ports and engines in a network namespace of their own, two endpoints whose
// traffic is watched from outside, through raw sockets on their taps.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/local_socket.h"
#include "engine/remote_engine.h"
#include "outrigger/engine/v1/ports.pb.h"
#include "services/services_fixture.h"

namespace outrigger::integration {

using namespace ::outrigger::services::test;
namespace ev1 = ::outrigger::engine::v1;

// A program that ends with the test, at the latest.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void signal(int number) const;
  void wait();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

// What the agent is to the ports process: it commands, hears events and keeps descriptors.
class PortsClient {
 public:
  explicit PortsClient(const std::string& folder);
  ev1::PortsReply call(ev1::PortsCall call, const std::vector<int>& descriptors = {});
  ev1::PortsStatus status();
  ev1::PortsReply swap(uint32_t to);
  // The next event of this kind, from those that came already on; kind NONE after `patience`.
  ev1::PortsEvent next(ev1::PortsEvent::Kind kind,
                       std::chrono::milliseconds patience = std::chrono::seconds(3));
  void hear(std::chrono::milliseconds patience);
  std::map<std::string, Descriptor> kept;

 private:
  void note(Datagram datagram, ev1::PortsReply message);
  Descriptor socket_;
  uint64_t id_ = 0;
  std::vector<ev1::PortsEvent> events_;
};

// Web to db, a small packet every 200 µs; remembers the longest silence at db.
class Stream {
 public:
  Stream();
  ~Stream();
  void restart();                               // counting
  [[nodiscard]] double longest_gap_ms() const;  // since then, the present silence included
  [[nodiscard]] uint64_t received() const { return received_.load(); }
  void send_once(const Bytes& frame) const;  // from web

 private:
  void send();
  void receive();
  Descriptor web_, db_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> received_{0};
  std::atomic<int64_t> last_ns_{0}, gap_ns_{0};
  std::thread sender_, receiver_;
};

class Split : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  void SetUp() override;
  void TearDown() override;

  void start_ports();
  // Starts an engine and applies the world to it.
  void start_engine(const std::string& name, const std::string& program);
  void expect_whole_pool(PortsClient& client, uint32_t active);
  uint32_t slot(const std::string& name) { return engines_.at(name)->hello()->slot; }

  std::string folder_;    // of this test alone
  Descriptor one_of_us_;  // huge pages are the machine's: two runs take turns
  std::unique_ptr<Process> ports_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
  std::map<std::string, std::unique_ptr<engine::RemoteEngine>> engines_;
};

}  // namespace outrigger::integration
