#include "engine/fragment_table.h"

#include <algorithm>
#include <bit>
#include <random>
#include <vector>

#include "engine/session_layout.h"

namespace outrigger::engine {
namespace {

using packet::Kind;
using packet::PacketInfo;

// How long pieces may be apart: RFC 1122 §3.3.2 allows IPv4 less than IPv6 must have (RFC 8200 §4.5).
constexpr Tick kLifetimeV4 = 30 * kTicksPerSecond;
constexpr Tick kLifetimeV6 = 60 * kTicksPerSecond;
// When there is no place, a packet whose pieces have been this long apart gives way to a new one: pieces come
// in one breath, and a flood of first ones must not keep everybody else out for half a minute.
constexpr Tick kPatience = 2;
constexpr uint32_t kPlaces = 8;
constexpr uint32_t kSweep = 2;          // places freed of old packets per call
constexpr uint32_t kSpoiled = 0x20000;  // past every offset: no later piece is accepted
constexpr uint32_t kLargest = 0xffff;

struct Pieces {
  IpAddress source;
  IpAddress destination;
  uint32_t id = 0;
  uint32_t vni_protocol = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t end = 0;  // the highest byte seen, plus one
  Tick since = 0;
  bool used = false;
  bool ipv6 = false;

  [[nodiscard]] bool of(const PacketInfo& info) const {
    return used && id == info.fragment_id && vni_protocol == info.key.vni_protocol && ipv6 == info.ipv6 &&
           source == info.source() && destination == info.destination();
  }
  [[nodiscard]] bool expired(Tick now) const {
    return used && now - since > (ipv6 ? kLifetimeV6 : kLifetimeV4);
  }
};

uint64_t mixed(uint64_t x, uint64_t y) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint32_t end_of(const PacketInfo& info) {
  return uint32_t{info.fragment_offset} + (info.length - info.fragment_payload);
}

}  // namespace

struct FragmentTable::State {
  std::vector<Pieces> places;
  uint64_t seed;
  uint32_t swept = 0;
  Figure<uint64_t> used, high_water, refused;

  [[nodiscard]] uint32_t mask() const { return static_cast<uint32_t>(places.size()) - 1; }
  [[nodiscard]] uint32_t start(const PacketInfo& info) const {
    const IpAddress& a = info.source();
    const IpAddress& b = info.destination();
    uint64_t bits = mixed(a.hi ^ seed, a.lo ^ 0xff51afd7ed558ccd);
    bits = mixed(bits ^ b.hi, b.lo ^ ~seed);
    bits = mixed(bits ^ info.fragment_id, uint64_t{info.key.vni_protocol} ^ (seed | 1) << 32);
    return static_cast<uint32_t>(bits ^ bits >> 32) & mask();
  }
  Pieces* find(const PacketInfo& info) {
    const uint32_t first = start(info);
    for (uint32_t i = 0; i < kPlaces; ++i) {
      Pieces& pieces = places[(first + i) & mask()];
      if (pieces.of(info)) return &pieces;
    }
    return nullptr;
  }
  Pieces* vacant(const PacketInfo& info, Tick now) {
    const uint32_t first = start(info);
    Pieces* oldest = &places[first];
    for (uint32_t i = 0; i < kPlaces; ++i) {
      Pieces& pieces = places[(first + i) & mask()];
      if (pieces.expired(now)) remove(pieces);
      if (!pieces.used) return &pieces;
      if (now - pieces.since > now - oldest->since) oldest = &pieces;
    }
    if (now - oldest->since <= kPatience) return nullptr;
    remove(*oldest);
    return oldest;
  }
  void remove(Pieces& pieces) {
    pieces.used = false;
    used.add(-1ull);
  }
  void sweep(Tick now) {
    for (uint32_t i = 0; i < kSweep; ++i) {
      Pieces& pieces = places[swept++ & mask()];
      if (pieces.expired(now)) remove(pieces);
    }
  }
  Drop first(const PacketInfo& info, Tick now);
  Drop later(PacketInfo& info, Tick now);
};

// The same packet again, or a new one that has got its number, starts over; other ports under the same number
// would be judged by one piece and delivered by another.
Drop FragmentTable::State::first(const PacketInfo& info, Tick now) {
  Pieces* pieces = find(info);
  if (pieces != nullptr && !pieces->expired(now)) {
    if (pieces->source_port != info.source_port() || pieces->destination_port != info.destination_port()) {
      return Drop::kFragmentOverlap;
    }
  } else if (pieces == nullptr) {
    pieces = vacant(info, now);
    if (pieces == nullptr) {
      refused.add(1);
      return Drop::kFragmentTableFull;
    }
    used.add(1);
    high_water.set(std::max(high_water.get(), used.get()));
  }
  *pieces = {info.source(),
             info.destination(),
             info.fragment_id,
             info.key.vni_protocol,
             info.source_port(),
             info.destination_port(),
             end_of(info),
             now,
             true,
             info.ipv6};
  return Drop::kNone;
}

Drop FragmentTable::State::later(PacketInfo& info, Tick now) {
  Pieces* pieces = find(info);
  if (pieces == nullptr || pieces->expired(now)) return Drop::kFragmentUnknown;
  const uint32_t end = end_of(info);
  if (end > kLargest) return Drop::kFragmentInvalid;
  if (info.fragment_offset < pieces->end) {
    pieces->end = kSpoiled;  // RFC 5722 §4: the whole packet goes
    return Drop::kFragmentOverlap;
  }
  pieces->end = end;
  bool reverse = false;
  info.key = packet::FlowKey::make(info.key.vni(), info.key.protocol(), pieces->source, pieces->destination,
                                   pieces->source_port, pieces->destination_port, &reverse);
  info.reverse = reverse;
  info.hash = packet::hash(info.key);
  info.kind = Kind::kFlow;
  if (!info.more_fragments) remove(*pieces);
  return Drop::kNone;
}

FragmentTable::FragmentTable(uint32_t capacity) : state_(std::make_unique<State>()) {
  std::random_device random;
  state_->seed = uint64_t{random()} << 32 | random();
  state_->places.resize(std::bit_ceil(std::max(capacity, kPlaces)));
}
FragmentTable::~FragmentTable() = default;
FragmentTable::FragmentTable(FragmentTable&&) noexcept = default;
FragmentTable& FragmentTable::operator=(FragmentTable&&) noexcept = default;

Drop FragmentTable::track(PacketInfo& info, std::span<const uint8_t> /*frame*/, Tick now) {
  state_->sweep(now);
  if (info.kind == Kind::kFragment) return state_->later(info, now);
  if (info.kind == Kind::kFlow && info.first_fragment) return state_->first(info, now);
  return Drop::kNone;
}

Capacity FragmentTable::capacity() const {
  const uint64_t size = state_->places.size();
  return {"fragmented packets", size, state_->used.get(), state_->high_water.get(), state_->refused.get(),
          size * sizeof(Pieces)};
}

}  // namespace outrigger::engine
