#include <gtest/gtest.h>

#include "packet/parser.h"
#include "packet/samples.h"

namespace outrigger::packet {
namespace {

using namespace samples;  // NOLINT: a page of frames

// Outer Ethernet 14, IPv4 20, UDP 8: the tunnel header begins at 42, over IPv6 at 62.
constexpr size_t kIp = 14, kUdpAt = 34, kTunnel = 42, kTunnelV6 = 62;

Frame vxlan() { return tunnel(false, false, false, tcp()); }
Frame geneve() { return tunnel(true, false, false, tcp()); }

// Geneve with `options` after its header, lengths made right.
Frame geneve_with(const std::vector<uint8_t>& options, uint8_t bits = 0) {
  Frame inside = options;
  const Frame packet = tcp();
  inside.insert(inside.end(), packet.begin(), packet.end());
  return patched(tunnel(true, false, false, inside), kTunnel,
                 {static_cast<uint8_t>(options.size() / 4), bits});
}

TEST(Tunnel, FindsTheInnerFrame) {
  for (const bool geneve_type : {false, true}) {
    for (const bool ipv6 : {false, true}) {
      for (const bool checksummed : {false, true}) {
        const Frame inside = udp_v6();
        Frame frame = tunnel(geneve_type, ipv6, checksummed, inside);
        frame.insert(frame.end(), 5, 0xee);  // trailing bytes the lengths do not count
        const TunnelInfo info = parse_tunnel(frame);
        EXPECT_EQ(info.drop, Drop::kNone);
        ASSERT_EQ(info.inner_offset, (ipv6 ? kTunnelV6 : kTunnel) + 8);
        ASSERT_EQ(info.inner_length, inside.size());
        EXPECT_TRUE(std::equal(inside.begin(), inside.end(), frame.begin() + info.inner_offset));
        EXPECT_EQ(info.vni, Vni(0x123456));
        EXPECT_EQ(info.type, geneve_type ? TunnelType::kGeneve : TunnelType::kVxlan);
        EXPECT_EQ(info.source, ipv6 ? kHost1V6 : kHost1);
        EXPECT_EQ(info.destination, ipv6 ? kHost2V6 : kHost2);
      }
    }
  }
}

TEST(Tunnel, SkipsOptionsAndIgnoresReservedBits) {
  EXPECT_EQ(parse_tunnel(geneve_with({1, 2, 3, 1, 9, 9, 9, 9})).inner_offset, kTunnel + 16);
  EXPECT_EQ(parse_tunnel(patched(vxlan(), kTunnel, {0xff, 1, 2, 3})).inner_offset, kTunnel + 8);
  EXPECT_EQ(parse_tunnel(patched(vxlan(), kTunnel + 7, {0xff})).vni, Vni(0x123456));
  Frame outer_options = with_ipv4_options(vxlan(), {1, 1, 1, 0});
  EXPECT_EQ(parse_tunnel(outer_options).inner_offset, kTunnel + 12);
}

struct Row {
  const char* name;
  Frame frame;
  Drop drop;
};

std::vector<Row> refused() {
  Frame wrong_ip_checksum = vxlan(), wrong_checksum = tunnel(false, false, true, tcp());
  wrong_ip_checksum[24] ^= 1;
  wrong_checksum.back() ^= 1;
  Frame wrong_checksum_v6 = tunnel(true, true, true, tcp());
  wrong_checksum_v6.back() ^= 1;
  const Frame fragment_v6 =
      with_extension(tunnel(false, true, false, tcp()), kFragmentHeader, {0, 0, 0, 1, 0, 0, 0, 9});
  const Drop bad = Drop::kTunnelMalformed, fragmented = Drop::kTunnelFragmented;
  return {
      {"no vni flag", patched(vxlan(), kTunnel, {0xf7}), bad},
      {"ip checksum", wrong_ip_checksum, bad},
      {"udp checksum", wrong_checksum, bad},
      {"udp checksum over ipv6", wrong_checksum_v6, bad},
      {"ip length past frame", patched(vxlan(), kIp + 2, {0xff, 0xff}), bad},
      {"ip length below header", patched(vxlan(), kIp + 2, {0, 19}), bad},
      {"udp length short", patched(vxlan(), kUdpAt + 4, {0, 40}), bad},
      {"udp length long", patched(vxlan(), kUdpAt + 4, {1, 0}), bad},
      {"no room for inner ethernet", tunnel(false, false, false, Frame(13)), bad},
      {"no room for tunnel header", build([](Builder& b) { v4(b).udp(1, kVxlanPort).zeros(7); }), bad},
      {"geneve version", patched(geneve(), kTunnel, {0x40}), bad},
      {"geneve control", patched(geneve(), kTunnel + 1, {0x80}), bad},
      {"geneve critical", geneve_with({1, 2, 3, 0}, 0x40), bad},
      {"geneve critical option unannounced", geneve_with({1, 2, 0x83, 0}), bad},
      {"geneve option past options", geneve_with({1, 2, 3, 1}), bad},
      {"geneve options past packet", patched(geneve(), kTunnel, {0x3f}), bad},
      {"geneve ipv4 inside", patched(geneve(), kTunnel + 2, {0x08, 0x00}), bad},
      {"fragmented", patched(vxlan(), kIp + 6, {0x20, 0}), fragmented},
      {"later fragment", patched(vxlan(), kIp + 6, {0, 9}), fragmented},
      {"fragmented over ipv6", fragment_v6, fragmented},
  };
}

TEST(Tunnel, RefusesByName) {
  for (const Row& row : refused()) {
    const TunnelInfo found = parse_tunnel(row.frame);
    EXPECT_EQ(info(found.drop).name, info(row.drop).name) << row.name;
    EXPECT_EQ(found.inner_offset, 0) << row.name;
  }
}

TEST(Tunnel, LeavesEverythingElseToTheSlowPath) {
  for (const Sample& each : samples::all()) {
    if (each.name.starts_with("vxlan") || each.name.starts_with("geneve")) continue;
    if (each.name.starts_with("later_fragment")) continue;  // of UDP: its port is unknown
    const TunnelInfo found = parse_tunnel(each.frame);
    EXPECT_EQ(found.inner_offset, 0) << each.name;
    EXPECT_EQ(found.drop, Drop::kNone) << each.name;
  }
}

}  // namespace
}  // namespace outrigger::packet
