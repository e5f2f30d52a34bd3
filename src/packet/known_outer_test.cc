#include "packet/known_outer.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "packet/builder.h"

namespace outrigger::packet {
namespace {

using Frame = std::vector<uint8_t>;

Frame tunnelled(const char* source, const char* destination, uint32_t vni, size_t payload,
                bool geneve = false) {
  std::array<uint8_t, 512> buffer;
  Builder builder(buffer);
  const MacAddress mac{{2, 0, 0, 0, 0, 1}};
  builder.ethernet(mac, mac)
      .ip(*IpAddress::parse(source), *IpAddress::parse(destination))
      .udp(50000, geneve ? 6081 : 4789);
  if (geneve) {
    builder.geneve(Vni(vni));
  } else {
    builder.vxlan(Vni(vni));
  }
  builder.ethernet(mac, mac)
      .ip(*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"))
      .udp(1, 2)
      .zeros(payload);
  return {buffer.begin(), buffer.begin() + static_cast<long>(builder.finish())};
}

KnownOuter known(const Frame& frame) {
  KnownOuter outer;
  outer.learn(frame, parse_tunnel(frame));
  return outer;
}

TEST(KnownOuter, MatchesWhatComesFromTheSamePlace) {
  const KnownOuter outer = known(tunnelled("192.0.2.1", "192.0.2.2", 100, 0));
  const Frame next = tunnelled("192.0.2.1", "192.0.2.2", 100, 33);
  EXPECT_EQ(outer.match(next), parse_tunnel(next).inner_length);
  EXPECT_EQ(outer.match(tunnelled("192.0.2.3", "192.0.2.2", 100, 0)), 0u);
  EXPECT_EQ(outer.match(tunnelled("192.0.2.1", "192.0.2.3", 100, 0)), 0u);
  EXPECT_EQ(outer.match(tunnelled("192.0.2.1", "192.0.2.2", 101, 0)), 0u);
}

TEST(KnownOuter, LearnsNothingElse) {
  std::array<uint8_t, 128> zeros{};
  EXPECT_EQ(KnownOuter{}.match(zeros), 0u);
  for (const Frame& frame :
       {tunnelled("2001:db8::1", "2001:db8::2", 100, 0), tunnelled("192.0.2.1", "192.0.2.2", 100, 0, true)}) {
    EXPECT_EQ(known(frame).match(frame), 0u);
  }
}

// Whatever is done to a packet, what is recognised is what the parser accepts, with the same result.
TEST(KnownOuter, NeverAcceptsWhatTheParserRefuses) {
  const Frame good = tunnelled("192.0.2.1", "192.0.2.2", 100, 20);
  const KnownOuter outer = known(good);
  unsigned matched = 0;
  for (size_t at = 0; at < KnownOuter::kHeaders; ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Frame changed = good;
      changed[at] ^= static_cast<uint8_t>(1u << bit);
      const uint32_t length = outer.match(changed);
      if (length == 0) continue;
      ++matched;
      const TunnelInfo whole = parse_tunnel(changed);
      EXPECT_EQ(whole.drop, Drop::kNone) << "byte " << at;
      EXPECT_EQ(whole.inner_offset, KnownOuter::kHeaders) << "byte " << at;
      EXPECT_EQ(whole.inner_length, length) << "byte " << at;
      EXPECT_EQ(whole.vni, Vni(100)) << "byte " << at;
    }
  }
  EXPECT_GT(matched, 100u);  // MACs, source port, reserved bits
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(outer.match({good.data(), size}), 0u) << size;
  }
}

}  // namespace
}  // namespace outrigger::packet
