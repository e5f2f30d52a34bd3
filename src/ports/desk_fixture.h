// A machine without devices, for tests and the fuzzer: it counts what is open and checks that nothing is
// opened, closed or handed over twice.
#pragma once

#include <fcntl.h>

#include <map>
#include <set>
#include <string>

#include "ports/desk.h"
#include "ports/roster.h"

namespace outrigger::ports {

class FakeBackend : public Backend {
 public:
  absl::StatusOr<Attached> attach(const engine::v1::AttachCall& call, pid_t pid) override {
    auto member = roster.add({.pid = pid, .version = call.version(), .instance = call.instance()});
    if (!member.ok()) return member.status();
    Attached out;
    out.reply.set_slot(member->slot);
    out.memory = 0;
    return out;
  }
  void take_back(const std::string& name, Descriptor) override { taken_back.push_back(name); }
  absl::StatusOr<Opened> open(const engine::v1::WantedPort& port) override {
    if (port.device() == "broken") return absl::UnavailableError("port \"broken\": no such device");
    const bool once = port.device() == "probe" || devices.insert(port.device()).second;
    if (!once || !ids.insert(port.id()).second) wrong = true;
    device_of[port.id()] = port.device();
    return Opened{.queues = 2, .taps = {0, 0}};
  }
  void set_mtu(uint32_t, uint32_t mtu) override { last_mtu = mtu; }
  void close(uint32_t id) override {
    if (ids.erase(id) != 1) wrong = true;
    devices.erase(device_of[id]);
  }
  void ready(uint32_t slot) override { roster.set_ready(slot); }
  void tell_kept() override { ++told; }
  absl::StatusOr<engine::v1::SwapReply> swap(uint32_t to) override {
    if (!roster.find(to)) return absl::NotFoundError("no such slot");
    return engine::v1::SwapReply();
  }
  absl::Status end(uint32_t slot, bool) override {
    return roster.find(slot) ? absl::OkStatus() : absl::NotFoundError("no such slot");
  }
  void describe(engine::v1::PortsStatus&) override {}

  Roster roster;
  std::set<uint32_t> ids;
  std::set<std::string> devices;
  std::map<uint32_t, std::string> device_of;
  std::vector<std::string> taken_back;
  uint32_t last_mtu = 0;
  int told = 0;
  bool wrong = false;
};

}  // namespace outrigger::ports
