#include "packet/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/bytes.h"
#include "packet/crc32c.h"

namespace outrigger::packet {
namespace {

// RFC 1071 §4.1, word by word in network order.
uint16_t slow_sum(const std::vector<uint8_t>& bytes) {
  uint32_t total = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    total += bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
    total = (total & 0xffff) + (total >> 16);
  }
  return static_cast<uint16_t>(total);
}

TEST(Checksum, AgreesWithTheSlowSumAtEveryLength) {
  std::mt19937 random(1);
  for (size_t length = 0; length < 200; ++length) {
    std::vector<uint8_t> bytes(length);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    EXPECT_EQ(__builtin_bswap16(fold(sum(bytes))), slow_sum(bytes)) << length;
  }
  EXPECT_EQ(fold(sum(std::vector<uint8_t>(65535, 0xff))), fold(sum(std::vector<uint8_t>{0xff, 0xff, 0xff})));
}

TEST(Checksum, OfTheHeaderInRfc1071Style) {
  const std::vector<uint8_t> header = {0x45, 0,    0,    0x73, 0, 0, 0x40, 0,    0x40, 0x11,
                                       0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,    0xc7};
  EXPECT_EQ(fold(sum(header)), 0xffff);
}

TEST(Checksum, UpdateEqualsSummingAgain) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 10000; ++trial) {
    std::vector<uint8_t> header(20);
    for (uint8_t& byte : header) byte = static_cast<uint8_t>(random());
    header[8] |= 1;  // a TTL there is something of
    store_raw<uint16_t>(&header[10], 0);
    store_raw(&header[10], static_cast<uint16_t>(~fold(sum(header))));
    const uint8_t ttl = header[8];
    decrement_ttl(header.data(), false);
    EXPECT_EQ(header[8], ttl - 1);
    EXPECT_EQ(fold(sum(header)), 0xffff);
  }
}

TEST(Checksum, SpendsOneHopOfIpv6) {
  std::vector<uint8_t> header(40, 9);
  decrement_ttl(header.data(), true);
  EXPECT_EQ(header[7], 8);
}

// The check value every CRC catalogue gives for "123456789".
TEST(Crc32c, HasItsCheckValue) {
  const std::vector<uint8_t> digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  EXPECT_EQ(crc32c(digits), 0xe3069283u);
}

}  // namespace
}  // namespace outrigger::packet
