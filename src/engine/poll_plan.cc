#include "engine/poll_plan.h"

#include <sys/epoll.h>
#include <unistd.h>

namespace outrigger::engine {

namespace {

PollSource source_of(const AttachedPort& port, uint16_t queue) {
  PollSource source{.port = port.id, .device = port.number, .queue = queue};
  if (port.probe) source.kind = DeviceKind::kProbe;
  if (!port.taps.empty()) {
    source.kind = DeviceKind::kTap;
    source.tap = port.taps[queue];
  }
  return source;
}

// A tap with fewer queues than workers is written by several of them: its descriptors take whole frames.
Outlet outlet_of(const AttachedPort& port, unsigned worker) {
  if (port.probe) return {.kind = DeviceKind::kProbe};
  if (!port.taps.empty()) return {.kind = DeviceKind::kTap, .tap = port.taps[worker % port.taps.size()]};
  return {.kind = DeviceKind::kEthdev, .device = port.number};
}

void watch_taps(Published& published, unsigned worker) {
  std::vector<PollSource>& polls = published.polls[worker];
  TapWatch& watch = published.watches[worker];
  for (const PollSource& source : polls) {
    if (source.kind == DeviceKind::kTap) watch.sources.push_back(source);
  }
  if (watch.sources.empty()) return;
  watch.epoll = epoll_create1(EPOLL_CLOEXEC);
  for (uint32_t i = 0; i < watch.sources.size(); ++i) {
    epoll_event event{.events = EPOLLIN, .data = {.u32 = i}};
    (void)epoll_ctl(watch.epoll, EPOLL_CTL_ADD, watch.sources[i].tap, &event);
  }
  if (watch.sources.size() > 1)
    std::erase_if(polls, [](const PollSource& source) { return source.kind == DeviceKind::kTap; });
}

}  // namespace

TapWatch::~TapWatch() {
  if (epoll >= 0) ::close(epoll);
}

TapWatch::TapWatch(TapWatch&& other) noexcept
    : epoll(std::exchange(other.epoll, -1)), sources(std::move(other.sources)) {}

void describe(const PortSource& ports, const std::vector<PortRequest>& wanted, unsigned workers,
              Published& published) {
  published.polls.assign(workers, {});
  published.outlets.assign(workers, {});
  published.watches.resize(workers);
  for (const PortRequest& request : wanted) {
    const auto found = ports.all().find(request.id.value());
    if (found == ports.all().end()) continue;
    const AttachedPort& port = found->second;
    for (unsigned worker = 0; worker < workers; ++worker) {
      std::vector<Outlet>& outlets = published.outlets[worker];
      if (outlets.size() <= port.id.value()) outlets.resize(port.id.value() + 1);
      outlets[port.id.value()] = outlet_of(port, worker);
    }
    for (uint16_t queue = 0; queue < port.queues && !port.probe; ++queue) {
      const unsigned worker = port.queues == 1 ? port.id.value() % workers : queue % workers;
      published.polls[worker].push_back(source_of(port, queue));
    }
  }
  for (unsigned worker = 0; worker < workers; ++worker) watch_taps(published, worker);
}

}  // namespace outrigger::engine
