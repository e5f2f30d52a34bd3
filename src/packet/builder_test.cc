#include "packet/builder.h"

#include <gtest/gtest.h>

#include "packet/crc32c.h"
#include "packet/parser.h"
#include "packet/samples.h"

namespace outrigger::packet {
namespace {

using namespace samples;  // NOLINT: a page of frames

std::span<const uint8_t> from(const Frame& frame, size_t at) { return std::span(frame).subspan(at); }

TEST(Builder, FillsInLengthsAndChecksums) {
  const Frame plain = build([](Builder& b) { v4(b).udp(1, 2).zeros(5); });
  EXPECT_EQ(plain.size(), 14u + 20 + 8 + 5);
  EXPECT_EQ(load_be16(&plain[16]), 33);
  EXPECT_EQ(load_be16(&plain[38]), 13);
  EXPECT_EQ(fold(sum({&plain[14], 20})), 0xffff);
  EXPECT_EQ(transport_checksum(kHost1, kHost2, kUdp, from(plain, 34)), 0);
  EXPECT_EQ(transport_checksum(kHost1, kHost2, kTcp, from(tcp(), 34)), 0);
  EXPECT_EQ(transport_checksum(kHost1V6, kHost2V6, kTcp, from(tcp_v6(), 54)), 0);
  const Frame echo = build([](Builder& b) { v4(b).icmp(8, 0, 7).zeros(3); });
  EXPECT_EQ(fold(sum(from(echo, 34))), 0xffff);
  const Frame echo_v6 = build([](Builder& b) { v6(b).icmp(128, 0, 7).zeros(3); });
  EXPECT_EQ(transport_checksum(kHost1V6, kHost2V6, kIcmpV6, from(echo_v6, 54)), 0);
}

// Bytes written by hand, checksums worked out in Python.
TEST(Builder, WritesAKnownFrame) {
  const Frame frame = build([](Builder& b) {
    v4(b).dont_fragment().udp(0x1234, 53).payload(Frame{'h', 'i'});
  });
  const Frame known = {2,  0,  0, 0, 0,  2, 2, 0, 0,  0, 0, 1, 8,    0,    0x45, 0,  0, 30, 0, 0, 0x40, 0,
                       64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0,    53, 0, 10, 0, 0, 'h',  'i'};
  Frame blank = frame;
  for (const size_t at : {24u, 25u, 40u, 41u}) blank[at] = 0;
  EXPECT_EQ(blank, known);
  EXPECT_EQ(load_be16(&frame[24]), 0x26cd);
  EXPECT_EQ(load_be16(&frame[40]), 0x7105);
}

TEST(Builder, SctpHasItsCrc) {
  Frame frame = build([](Builder& b) { v4(b).sctp(1, 2, 3).zeros(4); });
  const auto written = load_raw<uint32_t>(&frame[42]);
  store_raw<uint32_t>(&frame[42], 0);
  EXPECT_EQ(written, crc32c(from(frame, 34)));
}

TEST(Builder, TunnelsHaveNoUdpChecksumUnlessAskedFor) {
  EXPECT_EQ(load_be16(&tunnel(false, false, false, tcp())[40]), 0);
  const Frame asked = tunnel(false, false, true, tcp());
  EXPECT_NE(load_be16(&asked[40]), 0);
  EXPECT_EQ(transport_checksum(kHost1, kHost2, kUdp, from(asked, 34)), 0);
}

TEST(Builder, NestsFrames) {
  const Frame nested = build([](Builder& b) {
    v4(b).udp(50000, kVxlanPort).vxlan(Vni(5));
    v6(b).tcp(1, 2, kSyn);
  });
  const TunnelInfo outer = parse_tunnel(nested);
  ASSERT_NE(outer.inner_offset, 0);
  PacketInfo inside;
  parse(from(nested, outer.inner_offset), outer.vni, inside);
  EXPECT_EQ(inside.kind, Kind::kFlow);
  EXPECT_EQ(inside.key.vni(), Vni(5));
  EXPECT_EQ(transport_checksum(kHost1V6, kHost2V6, kTcp, from(nested, outer.inner_offset + 54u)), 0);
}

TEST(Builder, SaysZeroWhenTheBufferIsTooSmall) {
  const size_t needed = tcp().size();
  for (size_t size = 0; size <= needed + 1; ++size) {
    std::vector<uint8_t> buffer(size);
    Builder builder(buffer);
    v4(builder).tcp(40000, 80, kAck).zeros(20);
    EXPECT_EQ(builder.finish(), size < needed ? 0 : needed);
  }
}

TEST(Builder, SaysZeroPastItsDepth) {
  std::array<uint8_t, 4096> buffer;
  Builder builder(buffer);
  for (int i = 0; i < 9; ++i) v4(builder).udp(1, kVxlanPort).vxlan(Vni(1));
  EXPECT_EQ(builder.finish(), 0u);
}

}  // namespace
}  // namespace outrigger::packet
