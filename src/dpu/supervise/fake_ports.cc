// A ports process without ports: who attached, who is active, and a descriptor to keep.  For tests of
// supervision, where the real one would need huge pages.
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <list>
#include <string>

#include "base/local_socket.h"
#include "outrigger/engine/v1/ports.pb.h"

namespace outrigger::agent {
namespace {

using engine::v1::PortsEvent;

struct Connection {
  Descriptor socket;
  pid_t pid = 0;
  int slot = -1;
  std::string version, instance;
  bool watcher = false, ready = false, active = false;
};

class FakePorts {
 public:
  explicit FakePorts(std::string folder) : folder_(std::move(folder)) {}

  void serve() {
    Descriptor listener = *listen_at(folder_ + "/ports.sock", SocketKind::kDatagrams);
    for (;;) {
      std::vector<pollfd> all{{listener.get(), POLLIN, 0}};
      for (const Connection& one : connections_) all.push_back({one.socket.get(), POLLIN, 0});
      if (poll(all.data(), all.size(), -1) <= 0) continue;
      size_t at = 1;
      for (auto it = connections_.begin(); it != connections_.end(); ++at) {
        const auto now = it++;
        if (at < all.size() && all[at].revents != 0 && !handle(*now)) ended(now);
      }
      if (all[0].revents == 0) continue;
      Connection made;
      made.socket.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      made.pid = peer_of(made.socket.get())->pid;
      connections_.push_back(std::move(made));
    }
  }

 private:
  bool handle(Connection& from) {
    auto datagram = receive_datagram(from.socket.get(), std::chrono::steady_clock::now());
    engine::v1::PortsCall call;
    if (!datagram.ok() || !call.ParseFromString(datagram->bytes)) return false;
    engine::v1::PortsReply reply;
    reply.set_id(call.id());
    if (call.has_attach()) attach(call.attach(), from, reply);
    if (call.has_want()) want(from, reply);
    if (call.has_watch()) watch(call.watch(), from, *datagram);
    if (call.has_swap()) swap(call.swap().to_slot(), reply);
    if (call.has_status()) status(*reply.mutable_status());
    (void)send_datagram(from.socket.get(), reply.SerializeAsString(), {});
    return true;
  }

  void attach(const engine::v1::AttachCall& call, Connection& from, engine::v1::PortsReply& reply) {
    for (from.slot = 0; taken(from); ++from.slot) {
    }
    from.version = call.version();
    from.instance = call.instance();
    reply.mutable_attach()->set_slot(static_cast<uint32_t>(from.slot));
  }
  bool taken(const Connection& mine) const {
    for (const Connection& one : connections_) {
      if (&one != &mine && one.slot == mine.slot) return true;
    }
    return false;
  }
  void want(Connection& from, engine::v1::PortsReply& reply) {
    reply.mutable_want();
    from.ready = true;
    if (active() == nullptr) from.active = true;
  }
  Connection* active() {
    for (Connection& one : connections_) {
      if (one.active) return &one;
    }
    return nullptr;
  }
  void watch(const engine::v1::WatchCall& call, Connection& from, Datagram& datagram) {
    from.watcher = true;
    for (int i = 0; i < call.kept_size(); ++i) {
      if (call.kept(i) == "memory") memory_ = std::move(datagram.descriptors[static_cast<size_t>(i)]);
    }
    if (!memory_) memory_.reset(memfd_create("fake", MFD_CLOEXEC));
    PortsEvent keep;
    keep.set_kind(PortsEvent::KEEP);
    keep.set_subject("memory");
    tell(keep, {memory_.get()});
  }
  void swap(uint32_t slot, engine::v1::PortsReply& reply) {
    for (Connection& one : connections_) {
      if (one.slot != static_cast<int>(slot)) continue;
      if (!one.ready) return fail(reply, 9, "has not asked for ports yet");
      Connection* const old = active();
      one.active = true;
      if (old == &one) return;
      reply.mutable_swap()->set_nanoseconds(42000);
      if (old == nullptr) return;
      old->active = false;
      PortsEvent event;
      event.set_kind(PortsEvent::SWAPPED);
      event.set_slot(slot);
      event.set_version(one.version);
      event.set_pid(one.pid);
      event.set_milliseconds(0.042);
      return tell(event, {});
    }
    fail(reply, 5, "no such slot");
  }
  static void fail(engine::v1::PortsReply& reply, int code, const char* message) {
    reply.set_code(code);
    reply.set_message(message);
  }
  void status(engine::v1::PortsStatus& status) {
    status.set_version("fake");
    status.set_pid(getpid());
    for (const Connection& one : connections_) {
      if (one.slot < 0) continue;
      auto& engine = *status.add_engines();
      engine.set_slot(static_cast<uint32_t>(one.slot));
      engine.set_version(one.version);
      engine.set_instance(one.instance);
      engine.set_pid(one.pid);
      engine.set_active(one.active);
    }
  }
  void ended(std::list<Connection>::iterator who) {
    const bool was_active = who->active;
    PortsEvent event;
    event.set_kind(was_active ? PortsEvent::CRASHED : PortsEvent::GONE);
    event.set_slot(static_cast<uint32_t>(who->slot));
    event.set_version(who->version);
    event.set_pid(who->pid);
    event.set_milliseconds(2);
    const bool engine = who->slot >= 0;
    connections_.erase(who);
    if (engine) tell(event, {});
    if (!was_active) return;
    for (Connection& heir : connections_) {
      if (!heir.ready) continue;
      heir.active = true;
      event.set_kind(PortsEvent::TAKEN_OVER);
      event.set_slot(static_cast<uint32_t>(heir.slot));
      event.set_version(heir.version);
      event.set_pid(heir.pid);
      return tell(event, {});
    }
    event.set_kind(PortsEvent::ORPHANED);
    tell(event, {});
  }
  void tell(const PortsEvent& event, const std::vector<int>& descriptors) {
    engine::v1::PortsReply reply;
    *reply.mutable_event() = event;
    for (Connection& one : connections_) {
      if (one.watcher) (void)send_datagram(one.socket.get(), reply.SerializeAsString(), descriptors);
    }
  }

  std::string folder_;
  Descriptor memory_;
  std::list<Connection> connections_;
};

}  // namespace
}  // namespace outrigger::agent

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--runtime") == 0) outrigger::agent::FakePorts(argv[i + 1]).serve();
  }
  return 2;
}
