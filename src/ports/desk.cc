#include "ports/desk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/node_memory.h"

namespace outrigger::ports {

namespace {

using engine::v1::PortsCall;
using engine::v1::WantCall;
using engine::v1::WantedPort;

constexpr size_t kMaxName = 64;
constexpr size_t kMaxDevice = 512;
constexpr uint32_t kMinMtu = 68, kMaxMtu = 9216;

absl::Status check(const WantCall& call) {
  if (static_cast<unsigned>(call.ports_size()) > engine::kCountedPorts) {
    return absl::InvalidArgumentError(
        absl::StrCat(call.ports_size(), " ports wanted, ", engine::kCountedPorts, " are possible"));
  }
  std::set<uint32_t> ids;
  std::set<std::string> devices;
  for (const WantedPort& port : call.ports()) {
    if (port.id() >= engine::kCountedPorts || !ids.insert(port.id()).second)
      return absl::InvalidArgumentError(absl::StrCat("port id ", port.id(), " is too high or there twice"));
    if (port.device().empty() || port.device().size() > kMaxDevice)
      return absl::InvalidArgumentError(
          absl::StrCat("port ", port.id(), ": its device's name has no usable length"));
    if (port.device() != "probe" && !devices.insert(port.device()).second)
      return absl::InvalidArgumentError(absl::StrCat("device \"", port.device(), "\" is wanted twice"));
    if (port.mtu() < kMinMtu || port.mtu() > kMaxMtu)
      return absl::InvalidArgumentError(
          absl::StrCat("port ", port.id(), ": no device has an MTU of ", port.mtu()));
  }
  return absl::OkStatus();
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](unsigned char one) {
           return std::isalnum(one) || one == '-' || one == '_' || one == '.' || one == '+';
         });
}

absl::Status trusted_only(bool trusted) {
  return trusted ? absl::OkStatus() : absl::PermissionDeniedError("this call is the agent's");
}

}  // namespace

bool Desk::watches(ConnectionId id) const {
  const auto found = callers_.find(id);
  return found != callers_.end() && found->second.watcher;
}

Answer Desk::handle(ConnectionId id, Datagram datagram) {
  Answer out;
  const auto found = callers_.find(id);
  PortsCall call;
  absl::Status status;
  if (found == callers_.end() || !call.ParseFromString(datagram.bytes)) {
    status = absl::InvalidArgumentError("not an outrigger.engine.v1.PortsCall");
    out.close = true;
  } else {
    out.reply.set_id(call.id());
    status = answer(found->second, call, datagram, out);
  }
  out.reply.set_code(static_cast<int>(status.code()));
  out.reply.set_message(std::string(status.message()));
  return out;
}

absl::Status Desk::answer(Connection& from, const PortsCall& call, Datagram& datagram, Answer& out) {
  const bool agents = call.has_watch() || call.has_swap() || call.has_remove();
  if (absl::Status status = trusted_only(from.who.trusted || !agents); !status.ok()) return status;
  switch (call.call_case()) {
    case PortsCall::kAttach:
      return attach(from, call.attach(), out);
    case PortsCall::kWant:
      return want(from, call.want(), out);
    case PortsCall::kWatch:
      return watch(from, call.watch(), datagram);
    case PortsCall::kSwap: {
      auto swapped = backend_.swap(call.swap().to_slot());
      if (swapped.ok()) *out.reply.mutable_swap() = *swapped;
      return swapped.status();
    }
    case PortsCall::kStatus:
      status(*out.reply.mutable_status());
      return absl::OkStatus();
    case PortsCall::kRemove:
      return backend_.end(call.remove().slot(), call.remove().kill());
    case PortsCall::CALL_NOT_SET:
      break;
  }
  return absl::UnimplementedError("a call this ports process does not know");
}

absl::Status Desk::attach(Connection& from, const engine::v1::AttachCall& call, Answer& out) {
  if (from.slot) return absl::FailedPreconditionError("attached already");
  if (!is_name(call.version()) || !is_name(call.instance()))
    return absl::InvalidArgumentError("version and instance are 1 to 64 letters, digits, - _ . +");
  if (call.memory_layout() != engine::kNodeMemoryLayout || call.session_layout() != engine::kSessionLayout) {
    return absl::FailedPreconditionError(absl::StrCat(
        "engine ", call.version(), " has memory layout ", call.memory_layout(), " and session layout ",
        call.session_layout(), "; this node has ", engine::kNodeMemoryLayout, " and ", engine::kSessionLayout,
        ": it would lose every session"));
  }
  auto attached = backend_.attach(call, from.who.pid);
  if (!attached.ok()) return attached.status();
  attached_ever_ = true;
  from.slot = attached->reply.slot();
  *out.reply.mutable_attach() = attached->reply;
  out.descriptors.push_back(attached->memory);
  return absl::OkStatus();
}

absl::Status Desk::watch(Connection& from, const engine::v1::WatchCall& call, Datagram& datagram) {
  if (static_cast<size_t>(call.kept_size()) != datagram.descriptors.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(call.kept_size(), " names with ", datagram.descriptors.size(), " descriptors"));
  }
  // Once engines are attached it is too late: then the agent only lost its connection, and we have it all.
  for (int i = 0; i < call.kept_size() && !attached_ever_; ++i)
    backend_.take_back(call.kept(i), std::move(datagram.descriptors[static_cast<size_t>(i)]));
  backend_.tell_kept();
  from.watcher = true;
  return absl::OkStatus();
}

absl::Status Desk::want(Connection& from, const WantCall& call, Answer& out) {
  if (!from.slot) return absl::FailedPreconditionError("attach first");
  if (absl::Status status = check(call); !status.ok()) return status;
  if (absl::Status status = open_missing(call); !status.ok()) return status;
  from.wants.clear();
  for (const WantedPort& port : call.ports()) from.wants.insert(port.id());
  close_unwanted();
  hand_out(from, call, out);
  backend_.ready(*from.slot);
  return absl::OkStatus();
}

// All or nothing.
absl::Status Desk::open_missing(const WantCall& call) {
  std::vector<uint32_t> added;
  for (const WantedPort& port : call.ports()) {
    const auto known = ports_.find(port.id());
    if (known != ports_.end() && known->second.wanted.device() == port.device()) {
      if (known->second.wanted.mtu() != port.mtu()) backend_.set_mtu(port.id(), port.mtu());
      known->second.wanted.set_mtu(port.mtu());
      continue;
    }
    absl::Status status = make_room(port);
    if (status.ok()) status = open(port);
    if (status.ok()) {
      added.push_back(port.id());
      continue;
    }
    for (const uint32_t id : added) close(id);
    return status;
  }
  return absl::OkStatus();
}

// What stands in a new port's way, its id or its device, goes when nobody else wants it any more.
absl::Status Desk::make_room(const WantedPort& port) {
  for (auto at = ports_.begin(); at != ports_.end();) {
    const auto& [id, held] = *at++;
    const bool same_device = held.wanted.device() == port.device() && port.device() != "probe";
    if (id != port.id() && !same_device) continue;
    if (anyone_wants(id)) {
      return absl::FailedPreconditionError(absl::StrCat("port ", port.id(), " \"", port.device(), "\": port ",
                                                        id, " is still \"", held.wanted.device(),
                                                        "\" for an engine that polls it"));
    }
    close(id);
  }
  return absl::OkStatus();
}

absl::Status Desk::open(const WantedPort& port) {
  auto opened = backend_.open(port);
  if (!opened.ok()) return opened.status();
  ports_[port.id()] = {port, *std::move(opened), ++opened_};
  return absl::OkStatus();
}

void Desk::close(uint32_t id) {
  backend_.close(id);
  ports_.erase(id);
}

bool Desk::anyone_wants(uint32_t id) const {
  return std::any_of(callers_.begin(), callers_.end(),
                     [id](const auto& one) { return one.second.wants.contains(id); });
}

void Desk::close_unwanted() {
  std::vector<uint32_t> unwanted;
  for (const auto& [id, port] : ports_) {
    if (!anyone_wants(id)) unwanted.push_back(id);
  }
  for (const uint32_t id : unwanted) close(id);
}

// A reply carries so many descriptors and no more; an engine that misses some asks again.
void Desk::hand_out(Connection& to, const WantCall& call, Answer& out) {
  std::erase_if(to.got, [&](const auto& one) { return !to.wants.contains(one.first); });
  for (const WantedPort& wanted : call.ports()) {
    const Port& port = ports_.at(wanted.id());
    engine::v1::HeldPort& held = *out.reply.mutable_want()->add_ports();
    held.set_id(wanted.id());
    held.set_device(wanted.device());
    held.set_mtu(wanted.mtu());
    held.set_queues(port.opened.queues);
    held.set_dpdk_name(port.opened.dpdk_name);
    held.set_probe(port.opened.probe);
    const std::vector<int>& taps = port.opened.taps;
    const auto got = to.got.find(wanted.id());
    if (got != to.got.end() && got->second == port.serial) continue;
    if (out.descriptors.size() + taps.size() > kMaxDescriptors) continue;
    held.set_new_descriptors(static_cast<uint32_t>(taps.size()));
    out.descriptors.insert(out.descriptors.end(), taps.begin(), taps.end());
    to.got[wanted.id()] = port.serial;
  }
}

void Desk::status(engine::v1::PortsStatus& out) {
  backend_.describe(out);
  for (const auto& [id, port] : ports_) {
    engine::v1::HeldPort& held = *out.add_ports();
    held.set_id(id);
    held.set_device(port.wanted.device());
    held.set_mtu(port.wanted.mtu());
    held.set_queues(port.opened.queues);
    held.set_dpdk_name(port.opened.dpdk_name);
    held.set_probe(port.opened.probe);
  }
}

}  // namespace outrigger::ports
