// Answers calls: who may ask what, in which order, and which ports are held for whom.  Everything an engine
// or the agent can say passes here, so it trusts nothing; what touches the machine is behind Backend, so that
// all of this can be tested and fuzzed without one. Thread-safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/local_socket.h"
#include "outrigger/engine/v1/ports.pb.h"

namespace outrigger::ports {

using ConnectionId = uint64_t;

struct Caller {
  pid_t pid = 0;
  bool trusted = false;  // root or our own user: may watch, swap and remove; others may attach
};

// A port as it was opened.
struct Opened {
  uint32_t queues = 1;
  std::string dpdk_name;  // empty: a tap or a probe port
  std::vector<int> taps;  // by queue; they stay the backend's
  bool probe = false;
};

struct Attached {
  engine::v1::AttachReply reply;
  int memory = -1;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual absl::StatusOr<Attached> attach(const engine::v1::AttachCall& call, pid_t pid) = 0;
  // What does not fit is let go, and watchers are told so.
  virtual void take_back(const std::string& name, Descriptor kept) = 0;
  virtual absl::StatusOr<Opened> open(const engine::v1::WantedPort& port) = 0;
  virtual void set_mtu(uint32_t id, uint32_t mtu) = 0;
  virtual void close(uint32_t id) = 0;
  virtual void ready(uint32_t slot) = 0;
  // Tells this watcher what it is to keep.
  virtual void tell_kept() = 0;
  virtual absl::StatusOr<engine::v1::SwapReply> swap(uint32_t to) = 0;
  virtual absl::Status end(uint32_t slot, bool kill) = 0;
  virtual void describe(engine::v1::PortsStatus& status) = 0;
};

struct Answer {
  engine::v1::PortsReply reply;
  std::vector<int> descriptors;
  bool close = false;  // this caller makes no sense
};

class Desk {
 public:
  explicit Desk(Backend& backend) : backend_(backend) {}

  void admit(ConnectionId id, const Caller& caller) { callers_[id].who = caller; }
  Answer handle(ConnectionId id, Datagram datagram);
  void leave(ConnectionId id) { callers_.erase(id); }
  [[nodiscard]] bool watches(ConnectionId id) const;

 private:
  struct Connection {
    Caller who;
    bool watcher = false;
    std::optional<uint32_t> slot;      // once attached
    std::set<uint32_t> wants;          // ids
    std::map<uint32_t, uint64_t> got;  // serial of the port whose descriptors it has, by id
  };
  struct Port {
    engine::v1::WantedPort wanted;
    Opened opened;
    uint64_t serial = 0;
  };

  absl::Status answer(Connection& from, const engine::v1::PortsCall& call, Datagram& datagram, Answer& out);
  absl::Status attach(Connection& from, const engine::v1::AttachCall& call, Answer& out);
  absl::Status want(Connection& from, const engine::v1::WantCall& call, Answer& out);
  absl::Status watch(Connection& from, const engine::v1::WatchCall& call, Datagram& datagram);
  void status(engine::v1::PortsStatus& out);

  absl::Status open_missing(const engine::v1::WantCall& call);
  absl::Status make_room(const engine::v1::WantedPort& port);
  absl::Status open(const engine::v1::WantedPort& port);
  void close(uint32_t id);
  void close_unwanted();
  [[nodiscard]] bool anyone_wants(uint32_t id) const;
  void hand_out(Connection& to, const engine::v1::WantCall& call, Answer& out);

  Backend& backend_;
  std::map<ConnectionId, Connection> callers_;
  std::map<uint32_t, Port> ports_;  // by id
  uint64_t opened_ = 0;
  bool attached_ever_ = false;
};

}  // namespace outrigger::ports
