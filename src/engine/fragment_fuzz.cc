// The fragment table against a map from packet to what may follow.  The table may forget only what is old, or
// refuse only when it is crowded; whatever it lets through has the ports of its first piece and lies behind
// all before it.
#include <fuzzer/FuzzedDataProvider.h>

#include <map>
#include <tuple>

#include "engine/fragment_table.h"

namespace outrigger::engine {
namespace {

void check(bool promise) {
  if (!promise) __builtin_trap();
}

struct Known {
  uint16_t port;
  uint32_t end;
  Tick since;
  bool unsure = false;  // may have given way to a newer packet
};
using Name = std::tuple<uint32_t, uint32_t, bool, uint8_t, uint32_t>;  // source, id, family, protocol, VNI

class Model {
 public:
  explicit Model(FuzzedDataProvider& in) : in_(in), table_(in.ConsumeIntegralInRange<uint32_t>(1, 32)) {}

  void step() {
    now_ += in_.ConsumeBool() ? 0 : in_.ConsumeIntegralInRange<Tick>(0, 300);
    const uint32_t source = in_.ConsumeIntegralInRange<uint32_t>(1, 3);
    const bool ipv6 = in_.ConsumeBool();
    const uint8_t protocol = in_.ConsumeBool() ? packet::kUdp : packet::kTcp;
    const uint32_t vni = in_.ConsumeIntegralInRange<uint32_t>(1, 2);
    const uint16_t port = in_.ConsumeIntegralInRange<uint16_t>(1, 2);
    packet::PacketInfo info;
    info.fragment_id = in_.ConsumeIntegralInRange<uint32_t>(0, 7);
    info.fragment_offset =
        static_cast<uint16_t>(in_.ConsumeBool() ? 0 : in_.ConsumeIntegral<uint16_t>() & 0xfff8);
    info.more_fragments = in_.ConsumeBool();
    info.first_fragment = info.fragment_offset == 0;
    if (info.first_fragment) info.more_fragments = true;
    info.fragment_payload = 40;
    const uint16_t size = static_cast<uint16_t>(8 * in_.ConsumeIntegralInRange<uint16_t>(1, 200));
    info.length = static_cast<uint16_t>(40 + size);
    info.ipv6 = ipv6;
    info.kind = info.first_fragment ? packet::Kind::kFlow : packet::Kind::kFragment;
    const uint16_t from = info.first_fragment ? port : 0, to = info.first_fragment ? 53 : 0;
    bool reverse;
    info.key = packet::FlowKey::make(Vni(vni), protocol, address(source, ipv6), address(2, ipv6), from, to,
                                     &reverse);
    info.reverse = reverse;
    info.hash = packet::hash(info.key);
    follow(info, {source, info.fragment_id, ipv6, protocol, vni}, port, size);
  }

 private:
  static IpAddress address(uint32_t number, bool ipv6) {
    return ipv6 ? IpAddress{0xfd00000000000000, number} : IpAddress::v4(0x0a000000 | number);
  }

  void follow(packet::PacketInfo info, const Name& name, uint16_t port, uint32_t size) {
    const packet::PacketInfo before = info;
    auto known = known_.find(name);
    const Tick lifetime = (before.ipv6 ? 60 : 30) * kTicksPerSecond;
    if (known != known_.end() && now_ - known->second.since > lifetime) {
      known_.erase(known);
      known = known_.end();
    }
    const Drop drop = table_.track(info, {}, now_);
    if (known != known_.end() && known->second.unsure) {
      const bool gone =
          before.first_fragment ? drop != Drop::kFragmentOverlap : drop == Drop::kFragmentUnknown;
      known->second.unsure = false;
      if (gone) {
        known_.erase(known);
        known = known_.end();
      }
    }
    const bool have = known != known_.end();
    if (before.first_fragment) {
      check(info.key == before.key && info.kind == packet::Kind::kFlow);
      if (have)
        check(drop == (known->second.port == port ? Drop::kNone : Drop::kFragmentOverlap));
      else
        check(drop == Drop::kNone || (drop == Drop::kFragmentTableFull && known_.size() >= 7));
      if (!have && drop == Drop::kNone) give_way();
      if (drop == Drop::kNone) known_[name] = {port, size, now_};
    } else if (!have) {
      check(drop == Drop::kFragmentUnknown);
    } else if (before.fragment_offset + size > 0xffff) {
      check(drop == Drop::kFragmentInvalid);
    } else if (before.fragment_offset < known->second.end) {
      check(drop == Drop::kFragmentOverlap);
      known->second.end = 0xffffffff;
    } else {
      check(drop == Drop::kNone && info.kind == packet::Kind::kFlow && info.hash == packet::hash(info.key));
      check(info.source_port() == known->second.port && info.destination_port() == 53);
      check(info.source() == before.source() && info.destination() == before.destination());
      known->second.end = before.fragment_offset + size;
      if (!before.more_fragments) known_.erase(known);
    }
    const Capacity capacity = table_.capacity();
    check(capacity.used >= live() && capacity.used <= capacity.size);
  }

  // A new packet may have taken the place of one that hangs: which one is the table's secret.
  void give_way() {
    if (known_.size() < 8) return;
    for (auto& [name, known] : known_) known.unsure = known.unsure || now_ - known.since > 2;
  }

  [[nodiscard]] uint64_t live() const {
    uint64_t count = 0;
    for (const auto& [name, known] : known_) {
      count += !known.unsure && now_ - known.since <= (std::get<2>(name) ? 60 : 30) * kTicksPerSecond;
    }
    return count;
  }

  FuzzedDataProvider& in_;
  FragmentTable table_;
  Tick now_ = 5;
  std::map<Name, Known> known_;
};

}  // namespace
}  // namespace outrigger::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  outrigger::engine::Model model(in);
  while (in.remaining_bytes() != 0) model.step();
  return 0;
}
