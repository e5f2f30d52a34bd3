#include "engined/remote_ports.h"

#include <rte_ethdev.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::engined {

namespace {

using engine::AttachedPort;
using engine::PortRequest;
using engine::v1::PortsCall;

constexpr auto kPatience = std::chrono::seconds(20);  // a thousand devices take their time
constexpr int kRounds = 64;                           // of descriptors that do not fit one reply

void close_taps(const AttachedPort& port) {
  for (const int fd : port.taps) (void)::close(fd);
}

bool is_wanted(const AttachedPort& port, const std::vector<PortRequest>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const PortRequest& one) { return one.id == port.id && one.device == port.device; });
}

void add(PortsCall& call, PortId id, const std::string& device, uint16_t mtu) {
  engine::v1::WantedPort& port = *call.mutable_want()->add_ports();
  port.set_id(id.value());
  port.set_device(device);
  port.set_mtu(mtu);
}

}  // namespace

RemotePorts::~RemotePorts() {
  for (const auto& [id, port] : ports_) close_taps(port);
}

absl::StatusOr<RemotePorts::Reply> RemotePorts::ask(PortsCall call) {
  if (!socket_)
    return absl::UnavailableError("the ports process is gone: only ports that are here already can be used");
  call.set_id(++last_call_);
  absl::Status sent = send_datagram(socket_.get(), call.SerializeAsString(), {});
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (sent.ok()) {
    auto datagram = receive_datagram(socket_.get(), deadline);
    Reply reply;
    if (!datagram.ok() || !reply.message.ParseFromString(datagram->bytes)) {
      sent = datagram.ok() ? absl::UnavailableError("an answer that makes no sense") : datagram.status();
      break;
    }
    if (reply.message.id() != last_call_) continue;  // of a call that was given up
    reply.descriptors = std::move(datagram->descriptors);
    if (reply.message.code() == 0) return reply;
    return absl::Status(static_cast<absl::StatusCode>(reply.message.code()), reply.message.message());
  }
  if (!absl::IsDeadlineExceeded(sent)) socket_.reset();
  return absl::UnavailableError(absl::StrCat("ports process: ", sent.message()));
}

absl::StatusOr<RemotePorts::Place> RemotePorts::attach_process(const engine::v1::AttachCall& call) {
  PortsCall message;
  *message.mutable_attach() = call;
  auto reply = ask(std::move(message));
  if (!reply.ok()) return reply.status();
  if (reply->descriptors.size() != 1 || !reply->message.has_attach())
    return absl::UnavailableError("ports process: attached, but without node memory");
  return Place{reply->message.attach(), std::move(reply->descriptors.front())};
}

absl::Status RemotePorts::attach(const std::vector<PortRequest>& wanted) {
  for (const PortRequest& one : wanted) {
    const auto known = ports_.find(one.id.value());
    if (known != ports_.end() && known->second.device != one.device) {
      return absl::FailedPreconditionError(
          absl::StrCat("port ", one.id.value(), " is still \"", known->second.device, "\""));
    }
  }
  const PortsCall call = want_with_present(wanted);
  if (!socket_ && complete(call)) return absl::OkStatus();
  absl::Status status = want(call);
  return !socket_ && complete(call) ? absl::OkStatus() : status;
}

PortsCall RemotePorts::want_with_present(const std::vector<PortRequest>& wanted) const {
  PortsCall call;
  call.mutable_want();
  for (const PortRequest& one : wanted) add(call, one.id, one.device, one.mtu);
  for (const auto& [id, port] : ports_) {
    if (!is_wanted(port, wanted)) add(call, port.id, port.device, port.mtu);
  }
  return call;
}

// Again until every tap's descriptors have come.
absl::Status RemotePorts::want(const PortsCall& call) {
  for (int round = 0; round < kRounds; ++round) {
    auto reply = ask(call);
    if (!reply.ok()) return reply.status();
    if (absl::Status status = take(*std::move(reply)); !status.ok()) return status;
    if (complete(call)) return absl::OkStatus();
  }
  return absl::UnavailableError("ports process: it holds back descriptors of taps");
}

bool RemotePorts::complete(const PortsCall& call) const {
  return std::all_of(call.want().ports().begin(), call.want().ports().end(), [this](const auto& one) {
    const auto found = ports_.find(static_cast<uint16_t>(one.id()));
    return found != ports_.end() && found->second.device == one.device();
  });
}

absl::Status RemotePorts::take(Reply reply) {
  size_t used = 0;
  for (const engine::v1::HeldPort& held : reply.message.want().ports()) {
    if (absl::Status status = take_one(held, reply.descriptors, used); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RemotePorts::take_one(const engine::v1::HeldPort& held, std::vector<Descriptor>& descriptors,
                                   size_t& used) {
  const auto id = static_cast<uint16_t>(held.id());
  const auto known = ports_.find(id);
  if (known != ports_.end()) known->second.mtu = static_cast<uint16_t>(held.mtu());
  const size_t fresh = held.new_descriptors();
  if (fresh > descriptors.size() - used)
    return absl::UnavailableError("ports process: fewer descriptors came than it says");
  if (known != ports_.end() && fresh == 0) return absl::OkStatus();
  AttachedPort port{.id = PortId(id),
                    .device = held.device(),
                    .mtu = static_cast<uint16_t>(held.mtu()),
                    .queues = static_cast<uint16_t>(held.queues()),
                    .probe = held.probe()};
  if (!held.dpdk_name().empty() && rte_eth_dev_get_port_by_name(held.dpdk_name().c_str(), &port.number) != 0)
    return absl::UnavailableError(
        absl::StrCat("port \"", held.device(), "\": device ", held.dpdk_name(), " is not seen here"));
  // DPDK gives a secondary process a device's queues as they are when the two meet: whoever was attached
  // before the device was opened has none, and would crash at its first poll.
  if (!held.dpdk_name().empty() && rte_eth_fp_ops[port.number].rxq.data == nullptr)
    return absl::FailedPreconditionError(
        absl::StrCat("port \"", held.device(),
                     "\": the device was opened after this engine was attached, which its driver "
                     "does not support: start the engine again while it is open"));
  for (size_t i = 0; i < fresh; ++i) port.taps.push_back(descriptors[used++].release());
  if (port.taps.empty() && !port.probe && held.dpdk_name().empty()) return absl::OkStatus();  // to come
  if (known != ports_.end()) close_taps(known->second);
  ports_[id] = std::move(port);
  return absl::OkStatus();
}

void RemotePorts::prune(const std::vector<PortRequest>& wanted) {
  bool changed = false;
  for (auto at = ports_.begin(); at != ports_.end();) {
    if (is_wanted(at->second, wanted)) {
      ++at;
      continue;
    }
    close_taps(at->second);
    at = ports_.erase(at);
    changed = true;
  }
  if (changed && socket_) (void)want(want_with_present({}));
}

void RemotePorts::restore(const std::vector<PortRequest>& wanted) {
  (void)attach(wanted);  // all of them are: only an MTU may differ
  prune(wanted);
}

}  // namespace outrigger::engined
