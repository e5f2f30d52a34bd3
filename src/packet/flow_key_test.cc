#include "packet/flow_key.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

namespace outrigger::packet {
namespace {

TEST(FlowKey, IsTheSameForBothDirections) {
  const IpAddress low = IpAddress::v4(1), high = IpAddress::v4(2);
  bool there = true, back = false;
  const FlowKey key = FlowKey::make(Vni(0xabcdef), 6, low, high, 9, 8, &there);
  EXPECT_EQ(key, FlowKey::make(Vni(0xabcdef), 6, high, low, 8, 9, &back));
  EXPECT_FALSE(there);
  EXPECT_TRUE(back);
  EXPECT_EQ(key.vni(), Vni(0xabcdef));
  EXPECT_EQ(key.protocol(), 6);
  const FlowKey self = FlowKey::make(Vni(1), 6, low, low, 9, 8, &back);
  EXPECT_TRUE(back);
  EXPECT_EQ(self.a_port, 8);
}

FlowKey random_key(std::mt19937_64& random, bool ipv4) {
  const auto port = [&] { return static_cast<uint16_t>(random()); };
  if (!ipv4)
    return {{random(), random()}, {random(), random()}, port(), port(), static_cast<uint32_t>(random())};
  const auto host = [&] { return IpAddress::v4(0x0a000000 | static_cast<uint32_t>(random() & 0xfff)); };
  return {host(), host(), port(), 443, 100u << 8 | 6};
}

FlowKey flipped(FlowKey key, unsigned bit) {
  std::array<uint8_t, sizeof(FlowKey)> bytes;
  std::memcpy(bytes.data(), &key, sizeof(key));
  bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  std::memcpy(static_cast<void*>(&key), bytes.data(), sizeof(key));
  return key;
}

// Every bit of the key changes every bit of the hash in half of the cases: within 0.05, which is 7 sigma of
// 5000.
TEST(Hash, EveryInputBitReachesEveryOutputBit) {
  constexpr int kTrials = 5000;
  for (const bool ipv4 : {false, true}) {
    std::mt19937_64 random(1);
    std::array<std::array<int, 32>, 320> changed{};
    for (int trial = 0; trial < kTrials; ++trial) {
      const FlowKey key = random_key(random, ipv4);
      for (unsigned in = 0; in < 320; ++in) {
        const uint32_t difference = hash(key) ^ hash(flipped(key, in));
        for (unsigned out = 0; out < 32; ++out) changed[in][out] += static_cast<int>(difference >> out & 1);
      }
    }
    for (unsigned in = 0; in < 320; ++in) {
      for (unsigned out = 0; out < 32; ++out) {
        EXPECT_NEAR(changed[in][out], kTrials * 0.5, kTrials * 0.05) << in << " to " << out;
      }
    }
  }
}

// Neighbouring addresses and ports, as hosts use them, spread as evenly as chance would have it in any 12
// bits.
TEST(Hash, SpreadsNeighbours) {
  constexpr unsigned kBuckets = 4096, kKeys = 1u << 18;
  for (const unsigned shift : {0u, 10u, 20u}) {
    std::vector<unsigned> buckets(kBuckets);
    for (uint32_t i = 0; i < kKeys; ++i) {
      const FlowKey key{IpAddress::v4(0x0a000000 + (i & 63)), IpAddress::v4(0x0a000100 + (i >> 6 & 63)),
                        static_cast<uint16_t>(32768 + (i >> 12)), 80, 100u << 8 | 6};
      ++buckets[hash(key) >> shift & (kBuckets - 1)];
    }
    double chi = 0;
    constexpr double kExpected = static_cast<double>(kKeys) / kBuckets;
    for (const unsigned count : buckets) chi += (count - kExpected) * (count - kExpected) / kExpected;
    EXPECT_NEAR(chi, kBuckets - 1, 6 * std::sqrt(2.0 * kBuckets)) << shift;
  }
}

// The engine's versions share sessions by this value: it may not change unnoticed.
TEST(Hash, IsTheSameEverywhere) {
  const FlowKey key{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 40000, 80, 100u << 8 | 6};
  EXPECT_EQ(hash(key), 0x908a70e4u);  // worked out in Python
}

}  // namespace
}  // namespace outrigger::packet
