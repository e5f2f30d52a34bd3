#include "ports/devices.h"

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/node_memory.h"
#include "engine/tap.h"
#include "ports/pool.h"

namespace outrigger::ports {

namespace {

using engine::v1::PortsEvent;

constexpr size_t kMaxKept = 2 * 4096;

}  // namespace

Devices::~Devices() = default;

absl::StatusOr<Opened> Devices::open(const engine::v1::WantedPort& port) {
  const std::lock_guard lock(mutex_);
  if (port.device() == "probe") return Opened{.queues = 1, .probe = true};
  return engine::is_tap(port.device()) ? open_tap(port) : open_ethdev(port);
}

absl::StatusOr<Opened> Devices::open_tap(const engine::v1::WantedPort& port) {
  const auto name = engine::parse_tap(port.device());
  if (!name.ok()) return name.status();
  Tap tap{port.device(), name->interface, kept_queues(name->interface)};
  if (tap.queues.empty()) {
    auto fresh = engine::open_tap(port.device(), workers_, static_cast<uint16_t>(port.mtu()));
    if (!fresh.ok()) return fresh.status();
    for (const int fd : *fresh) tap.queues.emplace_back(fd);
  } else {
    engine::set_tap_mtu(port.device(), static_cast<uint16_t>(port.mtu()));
  }
  Opened out{.queues = static_cast<uint32_t>(tap.queues.size())};
  for (const Descriptor& queue : tap.queues) out.taps.push_back(queue.get());
  tell(PortsEvent::KEEP, tap);
  taps_[port.id()] = std::move(tap);
  return out;
}

// All queues of a tap that survived our predecessor, or none: a tap that lost some is opened anew.
std::vector<Descriptor> Devices::kept_queues(const std::string& interface) {
  const auto found = kept_.find(interface);
  if (found == kept_.end()) return {};
  std::vector<Descriptor> out;
  for (auto& [queue, descriptor] : found->second) {
    if (queue == out.size()) out.push_back(std::move(descriptor));
  }
  kept_.erase(found);
  if (out.size() != workers_) out.clear();
  return out;
}

absl::StatusOr<Opened> Devices::open_ethdev(const engine::v1::WantedPort& port) {
  const PortId id(static_cast<uint16_t>(port.id()));
  std::vector<engine::PortRequest> wanted = wanted_ethdevs_;
  wanted.push_back({id, port.device(), static_cast<uint16_t>(port.mtu())});
  if (absl::Status status = ethdevs_.attach(wanted); !status.ok()) return status;
  wanted_ethdevs_ = std::move(wanted);
  const engine::AttachedPort& opened = ethdevs_.all().at(id.value());
  std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
  (void)rte_eth_dev_get_name_by_port(opened.number, name.data());
  return Opened{.queues = opened.queues, .dpdk_name = name.data()};
}

void Devices::set_mtu(uint32_t id, uint32_t mtu) {
  const std::lock_guard lock(mutex_);
  if (const auto tap = taps_.find(id); tap != taps_.end())
    engine::set_tap_mtu(tap->second.device, static_cast<uint16_t>(mtu));
  for (engine::PortRequest& one : wanted_ethdevs_) {
    if (one.id.value() == id) one.mtu = static_cast<uint16_t>(mtu);
  }
  (void)ethdevs_.attach(wanted_ethdevs_);
}

void Devices::close(uint32_t id) {
  const std::lock_guard lock(mutex_);
  if (const auto tap = taps_.find(id); tap != taps_.end()) {
    tell(PortsEvent::RELEASE, tap->second);
    taps_.erase(tap);
    return;
  }
  std::erase_if(wanted_ethdevs_, [id](const engine::PortRequest& one) { return one.id.value() == id; });
  ethdevs_.prune(wanted_ethdevs_);
}

absl::Status Devices::take_back(const std::string& name, Descriptor kept) {
  const std::lock_guard lock(mutex_);
  const std::vector<std::string> words = absl::StrSplit(name, ' ');
  unsigned queue = 0;
  if (words.size() != 3 || words[0] != "tap" || !absl::SimpleAtoi(words[2], &queue) ||
      queue >= engine::kMaxWorkers || kept_.size() >= kMaxKept)
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name.substr(0, 64), "\" names nothing that is kept"));
  kept_[words[1]][queue] = std::move(kept);
  return absl::OkStatus();
}

void Devices::forget_kept() {
  const std::lock_guard lock(mutex_);
  for (auto& [interface, queues] : kept_) {
    PortsEvent event;
    event.set_kind(PortsEvent::RELEASE);
    for (const auto& [queue, descriptor] : queues) {
      event.set_subject(absl::StrCat("tap ", interface, " ", queue));
      events_.tell(event);
    }
  }
  kept_.clear();
}

void Devices::tell_kept() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, tap] : taps_) tell(PortsEvent::KEEP, tap);
}

void Devices::tell(PortsEvent::Kind kind, const Tap& tap) {
  for (size_t queue = 0; queue < tap.queues.size(); ++queue) {
    PortsEvent event;
    event.set_kind(kind);
    event.set_subject(absl::StrCat("tap ", tap.interface, " ", queue));
    events_.tell(std::move(event), kind == PortsEvent::KEEP ? tap.queues[queue].get() : -1);
  }
}

// Devices of DPDK's hold buffers in their rings: stopped, they give them up; started, they take new ones.
uint64_t Devices::repair() {
  const std::lock_guard lock(mutex_);
  if (rte_eth_dev_count_avail() == 0) return repair_pool(buffers_);
  reset_pool(buffers_);  // a stop gives buffers back, which must not wait for the dead
  uint16_t number = 0;
  RTE_ETH_FOREACH_DEV(number) { (void)rte_eth_dev_stop(number); }
  const uint64_t missing = repair_pool(buffers_);
  RTE_ETH_FOREACH_DEV(number) { (void)rte_eth_dev_start(number); }
  return missing;
}

uint64_t Devices::buffers() const { return buffers_->size; }
uint64_t Devices::buffers_in_use() const { return in_use(buffers_); }

}  // namespace outrigger::ports
