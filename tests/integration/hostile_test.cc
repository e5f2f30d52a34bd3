// Bad input, from an endpoint and from the fabric: dropped by name, nothing leaks, nothing crashes.
#include <cstdlib>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "integration/rig.h"
#include "packet/samples.h"

namespace outrigger::integration {
namespace {

namespace samples = packet::samples;

constexpr const char *kWebIp = "10.1.0.11", *kCacheIp = "10.1.0.17", *kDbIp = "10.1.1.12";

class Hostile : public Rig {
 protected:
  void expect_drop(const Bytes& frame, Drop why, PortId from = kWebPort) {
    send(from, frame);
    for (const PortId to : {kCachePort, kDbPort, kRouterPort})
      EXPECT_TRUE(out_of(to).empty()) << info(why).name;
    EXPECT_EQ(dropped(why), 1u) << info(why).name;
  }
  static Bytes piece(uint16_t id, uint16_t offset, bool more, size_t payload = 32) {
    return make([&](Builder& b) {
      b.ethernet(kCache, kWeb).ip(ip(kWebIp), ip(kCacheIp)).fragment(id, offset, more);
      if (offset == 0) {
        b.udp(8000, 53).zeros(payload);
      } else {
        b.protocol(packet::kUdp).zeros(payload);
      }
    });
  }
};

TEST_F(Hostile, SpoofedInEveryLayer) {
  expect_drop(udp(kCache, kDb, kWebIp, kCacheIp), Drop::kSpoofedMac);
  expect_drop(udp(kCache, kWeb, kDbIp, kCacheIp), Drop::kSpoofedAddress);
  expect_drop(make([](Builder& b) {
                b.ethernet(MacAddress::broadcast(), kWeb).arp(1, kWeb, ip(kDbIp), MacAddress{}, ip(kCacheIp));
              }),
              Drop::kSpoofedArp);
  expect_drop(make([](Builder& b) {
                b.ethernet(kCache, kWeb).vlan(200).ip(ip(kWebIp), ip(kCacheIp)).udp(1, 2).zeros(20);
              }),
              Drop::kVlanTagged);
  expect_drop(udp(kCache, MacAddress{}, kWebIp, kCacheIp), Drop::kPortUnbound, kUnboundPort);
}

TEST_F(Hostile, FragmentsThatOverlapOrAreTiny) {
  EXPECT_EQ(passed(kWebPort, piece(1, 0, true), kCachePort), 1u);
  expect_drop(piece(1, 32, false), Drop::kFragmentOverlap);
  expect_drop(piece(1, 40, false), Drop::kFragmentOverlap);  // its packet is spoilt
  expect_drop(piece(2, 40, false), Drop::kFragmentUnknown);
  expect_drop(piece(3, 65528, false, 64), Drop::kFragmentInvalid);
  expect_drop(
      make([](Builder& b) {
        b.ethernet(kCache, kWeb).ip(ip(kWebIp), ip(kCacheIp)).fragment(4, 0, true).protocol(6).zeros(8);
      }),
      Drop::kFragmentTiny);
}

TEST_F(Hostile, TtlIsSpentOnceAndNeverBelowOne) {
  const auto routed = [](uint8_t ttl, size_t payload, uint16_t port) {
    return make([&](Builder& b) {
      b.ethernet(kGatewayMac, kWeb).ip(ip(kWebIp), ip(kDbIp), ttl).udp(port, 53).zeros(payload);
    });
  };
  send(kWebPort, routed(2, 20, 8100));
  const std::vector<Bytes> out = out_of(kDbPort);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0][22], 1);
  for (const size_t payload : {20u, 1460u}) {  // also where it would have to be cut in pieces
    for (const uint8_t ttl : {1, 0}) {
      expect_drop(routed(ttl, payload, 8100), Drop::kTtlExceeded);  // of a session
      expect_drop(routed(ttl, payload, 8101), Drop::kTtlExceeded);
    }
  }
}

// Windows are checked also of what must be cut in pieces.
TEST_F(Hostile, SizeIsNoWayPastTheWindow) {
  v1::Structure strict = structure();
  strict.mutable_tracking()->set_strict_tcp_window(true);
  apply(strict);
  const auto segment = [](bool out, uint8_t flags, uint32_t seq, uint32_t ack, size_t payload) {
    return out ? tcp(kCache, kWeb, kWebIp, kCacheIp, {8200, 80, flags, seq, ack, payload})
               : tcp(kWeb, kCache, kCacheIp, kWebIp, {80, 8200, flags, seq, ack, payload});
  };
  EXPECT_EQ(passed(kWebPort, segment(true, packet::kSyn, 100, 0, 0), kCachePort), 1u);
  EXPECT_EQ(passed(kCachePort, segment(false, packet::kSyn | packet::kAck, 500, 101, 0), kWebPort), 1u);
  EXPECT_EQ(passed(kWebPort, segment(true, packet::kAck, 101, 501, 0), kCachePort), 1u);
  EXPECT_EQ(passed(kWebPort, segment(true, packet::kAck, 101, 501, 1450), kCachePort), 2u);
  EXPECT_EQ(passed(kCachePort, segment(false, packet::kAck, 501, 1551, 0), kWebPort), 1u);  // it was seen
  EXPECT_EQ(passed(kWebPort, segment(true, packet::kAck, 0x40000000, 501, 1450), kCachePort), 0u);
  EXPECT_EQ(dropped(Drop::kTcpOutOfWindow), 1u);
}

// Frames of every kind with bits flipped, cut and stretched, so addressed that many get past the parser.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {
    for (const samples::Sample& sample : samples::all()) frames_.push_back(sample.frame);
    for (const char* to : {kCacheIp, kDbIp, "10.1.0.21", "10.1.0.1", "172.16.0.5", "255.255.255.255"}) {
      frames_.push_back(udp(kGatewayMac, kWeb, kWebIp, to));
      frames_.push_back(udp(kCache, kWeb, kWebIp, to, 64, 68, 67));
      frames_.push_back(tcp(kGatewayMac, kWeb, kWebIp, to, {1, 80, packet::kSyn, 1}));
      frames_.push_back(error_about(udp(kCache, kWeb, kWebIp, kCacheIp), kWeb, kCache, to));
    }
    for (const uint16_t offset : {0, 48, 1000}) {
      frames_.push_back(make([&](Builder& b) {
        b.ethernet(kGatewayMac, kWeb).ip(ip(kWebIp), ip("10.1.0.1")).fragment(9, offset, offset < 1000);
        offset == 0 ? b.udp(68, 67).zeros(40) : b.protocol(packet::kUdp).zeros(48);
      }));
    }
    frames_.push_back(udp(kWeb, kFar, "10.1.0.21", kWebIp));
  }
  Bytes next(bool from_fabric) {
    Bytes frame = frames_[random_() % frames_.size()];
    if (from_fabric) frame = wrapped(frame, {.from = ip(random_() % 2 == 0 ? "192.0.2.2" : "192.0.2.3")});
    for (uint32_t edits = random_() % 4; edits != 0; --edits) mutate(frame);
    if (!from_fabric && frame.size() >= 12 && random_() % 8 != 0) kWeb.store(frame.data() + 6);
    if (random_() % 2 == 0) frame = samples::patched(frame, std::min<size_t>(14, frame.size()), {});
    return frame;
  }

 private:
  void mutate(Bytes& frame) {
    if (frame.empty()) return;
    switch (random_() % 6) {
      case 0:
        frame.resize(random_() % (frame.size() + 1));
        break;
      case 1:
        frame.resize(std::min<size_t>(2000, frame.size() + random_() % 1500));
        break;
      default:
        frame[random_() % std::min<size_t>(frame.size(), 120)] = static_cast<uint8_t>(random_());
    }
  }
  std::mt19937 random_;
  std::vector<Bytes> frames_;
};

TEST_F(Hostile, MutatedFramesNeitherCrashNorLeak) {
  const char* const given = std::getenv("OUTRIGGER_HOSTILE_FRAMES");
  const uint32_t count = given == nullptr ? 200'000 : static_cast<uint32_t>(std::atoi(given));
  Mutator mutator(static_cast<uint32_t>(workers()));
  for (uint32_t i = 0; i < count; ++i) {
    const bool from_fabric = i % 3 == 0;
    const Bytes frame = mutator.next(from_fabric);
    while (!try_send(from_fabric ? kUplink : kWebPort, frame)) std::this_thread::yield();
    if (i % 256 == 0) {
      for (uint16_t id = 0; id < kPortCount; ++id) (void)collect(PortId(id));
    }
    if (i % 10'000 == 0) apply(structure());
    if (i % 3'000 == 0) engine().tend();
  }
  settle();
  engine().tend();
  uint64_t drops = 0;
  for (size_t why = 1; why < kDropCount; ++why) drops += dropped(static_cast<Drop>(why));
  EXPECT_GT(drops, count / 10);
  EXPECT_LT(drops, count);
}  // and TearDown counts the buffers

}  // namespace
}  // namespace outrigger::integration
