// The session table against the obvious one: a map, a list in order of age, and counts by port.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <vector>

#include "engine/session_memory.h"
#include "engine/session_table.h"
#include "packet/packet_info.h"

namespace outrigger::engine {
namespace {

void check(bool promise) {
  if (!promise) __builtin_trap();
}

struct Entry {
  SessionIndex index;
  uint16_t port;
  SessionState state;
  Tick last_seen;
  Tick placed;  // when it was put in its queue or wheel
};

packet::FlowKey key(uint32_t number) {
  bool reverse;
  const uint8_t protocol = number % 3 == 0 ? packet::kIcmp : packet::kTcp;
  return packet::FlowKey::make(Vni(1), protocol, IpAddress::v4(0x0a000000 | number),
                               IpAddress::v4(0x0b000000), static_cast<uint16_t>(number), 80, &reverse);
}

constexpr uint32_t kKeys = 160, kPorts = 3;

std::span<std::byte> blank_memory(bool blank = true) {
  static const SessionMemory memory(SessionTable::bytes_needed(64));
  if (blank) std::memset(memory.span().data(), 0, SessionTable::bytes_needed(64));
  return memory.span();
}

class Model {
 public:
  explicit Model(FuzzedDataProvider& in)
      : in_(in), capacity_(in.ConsumeIntegralInRange<uint32_t>(1, 64)), table_(blank_memory(), capacity_) {
    limits_.embryonic = in.ConsumeIntegralInRange<Tick>(1, 2000);
    limits_.established = in.ConsumeIntegralInRange<Tick>(1, 200'000);
    limits_.half_closed = in.ConsumeIntegralInRange<Tick>(1, 3000);
    limits_.udp = in.ConsumeIntegralInRange<Tick>(1, 3000);
    limits_.icmp = in.ConsumeIntegralInRange<Tick>(1, 500);
    limits_.default_quota = in.ConsumeIntegralInRange<uint32_t>(0, 40);
    quota_[1] = in.ConsumeIntegralInRange<uint32_t>(0, 10);
    table_.set_limits(limits_);
    table_.set_quota(PortId(1), quota_[1]);
  }

  bool step() {
    const uint32_t number = in_.ConsumeIntegralInRange<uint32_t>(0, kKeys - 1);
    switch (in_.ConsumeIntegralInRange<int>(0, 9)) {
      case 0:
      case 1:
      case 2:
        return insert(number);
      case 3:
        touch(number);
        break;
      case 4:
        change(number);
        break;
      case 5:
        erase(number);
        break;
      case 6:
        age(in_.ConsumeIntegralInRange<Tick>(0, 40), in_.ConsumeIntegralInRange<unsigned>(2, 9));
        break;
      case 7:
        age(in_.ConsumeIntegral<uint32_t>() >> in_.ConsumeIntegralInRange<unsigned>(6, 24), 8);
        break;
      case 8:
        drain();
        break;
      case 9:
        takeover(number);
        break;
    }
    check(table_.used() == live_.size());
    check_key(number);
    return true;
  }

  void check_all() {
    for (uint32_t number = 0; number < kKeys; ++number) check_key(number);
    std::vector<Session> copied;
    table_.copy(capacity_, copied);
    check(copied.size() == live_.size());
  }

 private:
  static bool disposable(SessionState state) {
    return state != SessionState::kActive && state != SessionState::kEstablished &&
           state != SessionState::kFinWait;
  }
  SessionState any_state() {
    return static_cast<SessionState>(in_.ConsumeIntegralInRange<int>(static_cast<int>(SessionState::kDenied),
                                                                     static_cast<int>(SessionState::kReset)));
  }
  uint64_t timeout(uint32_t number, const Entry& entry) const {
    if (disposable(entry.state)) return limits_.embryonic;
    if (entry.state == SessionState::kEstablished) return limits_.established;
    if (entry.state == SessionState::kFinWait) return limits_.half_closed;
    return number % 3 == 0 ? limits_.icmp : limits_.udp;
  }
  uint32_t port_count(uint16_t port) const {
    return static_cast<uint32_t>(
        std::count_if(live_.begin(), live_.end(), [&](const auto& one) { return one.second.port == port; }));
  }
  void check_key(uint32_t number) const {
    const packet::FlowKey k = key(number);
    const auto found = live_.find(number);
    const SessionIndex wanted = found == live_.end() ? kNoSession : found->second.index;
    check(table_.find(k, packet::hash(k)) == wanted);
    check(table_.confirm(table_.candidate(packet::hash(k)), k, packet::hash(k)) == wanted);
    if (wanted != kNoSession)
      check(table_.at(wanted).key == k && table_.at(wanted).state == found->second.state);
  }
  void forget(uint32_t number) {
    live_.erase(number);
    queue_.remove(number);
  }
  void placed(uint32_t number, bool was_queued) {
    Entry& entry = live_.at(number);
    if (disposable(entry.state) && was_queued) return;
    queue_.remove(number);
    entry.placed = now_;
    if (disposable(entry.state)) queue_.push_back(number);
  }

  // False when the index had no room: what it evicts then is not modelled.
  bool insert(uint32_t number) {
    if (live_.contains(number)) return true;
    const auto port = static_cast<uint16_t>(in_.ConsumeIntegralInRange<uint32_t>(0, kPorts));
    const PortId charged = port == kPorts ? kNoPort : PortId(port);
    const packet::FlowKey k = key(number);
    const uint64_t unindexed = table_.capacity()[1].refused;
    Drop why = Drop::kNone;
    const SessionIndex index = table_.insert(k, packet::hash(k), charged, now_, &why);
    if (table_.capacity()[1].refused != unindexed) return false;

    const uint32_t limit = port == 1 && quota_[1] != 0 ? quota_[1] : limits_.default_quota;
    if (charged != kNoPort && limit != 0 && port_count(port) >= limit) {
      check(index == kNoSession && why == Drop::kSessionQuota);
      return true;
    }
    if (live_.size() == capacity_ && queue_.empty()) {
      check(index == kNoSession && why == Drop::kSessionTableFull);
      return true;
    }
    if (live_.size() == capacity_) forget(queue_.front());
    check(index != kNoSession && why == Drop::kNone);
    Session& session = table_.at(index);
    check(session.key == k && session.last_seen == now_ && session.state == SessionState::kWriting);
    session.state = any_state();
    live_[number] = {index, port, session.state, now_, now_};
    table_.settle(index, now_);
    placed(number, false);
    return true;
  }

  void touch(uint32_t number) {
    if (!live_.contains(number)) return;
    live_[number].last_seen = now_;
    table_.at(live_[number].index).last_seen = now_;
  }

  void change(uint32_t number) {
    if (!live_.contains(number)) return;
    touch(number);
    Entry& entry = live_[number];
    const bool was_queued = disposable(entry.state);
    entry.state = table_.at(entry.index).state = any_state();
    table_.settle(entry.index, now_);
    placed(number, was_queued);
  }

  void erase(uint32_t number) {
    if (!live_.contains(number)) return;
    table_.erase(live_[number].index);
    forget(number);
  }

  // The queue is modelled to the entry; the wheel by what it may and may not do.
  void age(Tick by, unsigned budget) {
    if (now_ > 4'000'000'000u - by) return;
    now_ += by;
    std::map<uint32_t, Entry> before = live_;
    table_.age(now_, budget);
    unsigned looks = (budget + 1) / 2;
    const uint32_t patience = (limits_.embryonic + kTicksPerSecond - 1) / kTicksPerSecond;
    while (looks-- != 0 && !queue_.empty()) {
      const uint32_t head = queue_.front();
      Entry& entry = live_.at(head);
      const uint32_t entered = (entry.placed + kTicksPerSecond - 1) / kTicksPerSecond;
      const uint32_t queued = (now_ / kTicksPerSecond - entered) & 0x7fff;
      if (uint64_t{entry.last_seen} + limits_.embryonic <= now_) {
        forget(head);
      } else if (queued != 0x7fff && queued >= patience && queue_.size() > 1) {
        queue_.pop_front();
        queue_.push_back(head);
        entry.placed = now_;
      } else {
        break;
      }
    }
    forget_expired();
    check(before.size() - live_.size() <= budget);
  }

  // Takes from the model what the wheel has dropped, which must have been due.
  void forget_expired() {
    for (auto one = live_.begin(); one != live_.end();) {
      const auto& [number, entry] = *one;
      const packet::FlowKey k = key(number);
      if (disposable(entry.state) || table_.find(k, packet::hash(k)) != kNoSession) {
        ++one;
        continue;
      }
      check(entry.last_seen + timeout(number, entry) <= now_);
      one = live_.erase(one);
    }
    check(table_.used() == live_.size());
  }

  // Given enough turns, all that was due a second ago is gone.
  void drain() {
    for (int turn = 0; turn < 40; ++turn) age(0, 2000);
    for (const auto& [number, entry] : live_) {
      const uint64_t due = std::max(entry.last_seen, entry.placed) + timeout(number, entry);
      if (!disposable(entry.state)) check(now_ < due + kTicksPerSecond);
    }
    if (!queue_.empty()) {
      const Entry& head = live_.at(queue_.front());
      check(uint64_t{head.last_seen} + limits_.embryonic > now_);
    }
  }

  // The writer dies, perhaps with an entry half written, and another takes over.
  void takeover(uint32_t number) {
    if (!live_.contains(number) && live_.size() < capacity_) {
      const packet::FlowKey k = key(number);
      Drop why = Drop::kNone;
      table_.insert(k, packet::hash(k), kNoPort, now_, &why);
      if (why == Drop::kNone) check(table_.torn());
    }
    const bool torn = table_.torn();
    table_ = SessionTable(blank_memory(false), capacity_);
    check(table_.usable() && table_.torn() == torn);
    if (!torn) return;
    table_.repair(now_);
    check(!table_.torn());
    queue_.clear();
    std::vector<uint32_t> order;
    for (auto& [live_number, entry] : live_) {
      entry.placed = now_;
      if (disposable(entry.state)) order.push_back(live_number);
    }
    std::sort(order.begin(), order.end(), [&](uint32_t one, uint32_t two) {
      const Entry &a = live_.at(one), &b = live_.at(two);
      return std::pair(a.last_seen, a.index) < std::pair(b.last_seen, b.index);
    });
    queue_.assign(order.begin(), order.end());
  }

  FuzzedDataProvider& in_;
  uint32_t capacity_;
  SessionTable table_;
  SessionLimits limits_;
  uint32_t quota_[kPorts + 1] = {};
  Tick now_ = 50;
  std::map<uint32_t, Entry> live_;
  std::list<uint32_t> queue_;
};

}  // namespace
}  // namespace outrigger::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  outrigger::engine::Model model(in);
  while (in.remaining_bytes() != 0) {
    if (!model.step()) return 0;
  }
  model.check_all();
  return 0;
}
