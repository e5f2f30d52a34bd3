// Many packets, several tenants: quotas, full tables, updates under load, order.
#include <chrono>
#include <thread>

#include "base/bytes.h"
#include "integration/rig.h"

namespace outrigger::integration {
namespace {

constexpr const char *kWebIp = "10.1.0.11", *kCacheIp = "10.1.0.17", *kDbIp = "10.1.1.12",
                     *kRouterIp = "10.1.0.13";

class Tenants : public Rig {
 protected:
  // `count` first packets from `port` on, without overrunning a ring; what came out is thrown away.
  template <typename Make>
  static size_t flood(PortId from, uint32_t count, PortId to, Make make_frame) {
    size_t out = 0;
    for (uint32_t i = 0; i < count; ++i) {
      while (!try_send(from, make_frame(i))) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (i % 512 == 511) out += settle_and_drain(to);
    }
    return out + settle_and_drain(to);
  }
  static size_t settle_and_drain(PortId to) {
    settle();
    size_t out = 0;
    for (uint16_t id = 0; id < kPortCount; ++id) {
      const size_t count = collect(PortId(id)).size();
      if (PortId(id) == to) out = count;
    }
    return out;
  }
  static Bytes syn(uint32_t i) {
    return tcp(kRouter, kWeb, kWebIp, kRouterIp, {static_cast<uint16_t>(1024 + i), 80, packet::kSyn, i});
  }
  void quota(uint32_t sessions) {
    v1::Structure s = structure();
    s.mutable_tracking()->set_default_session_quota(sessions);
    apply(s);
  }
  void establish(uint16_t port) {
    EXPECT_EQ(passed(kCachePort, tcp(kRouter, kCache, kCacheIp, kRouterIp, {port, 80, packet::kSyn, 100}),
                     kRouterPort),
              1u);
    EXPECT_EQ(
        passed(kRouterPort,
               tcp(kCache, kRouter, kRouterIp, kCacheIp, {80, port, packet::kSyn | packet::kAck, 500, 101}),
               kCachePort),
        1u);
    EXPECT_EQ(passed(kCachePort, data(port), kRouterPort), 1u);
  }
  static Bytes data(uint16_t port) {
    return tcp(kRouter, kCache, kCacheIp, kRouterIp, {port, 80, packet::kAck, 101, 501, 10});
  }
};

TEST_F(Tenants, ASynFloodTakesNobodyElsesSessions) {
  quota(500);
  establish(2000);
  const uint64_t refused = dropped(Drop::kSessionQuota);
  EXPECT_EQ(refused, 0u);
  const size_t passed_on = flood(kWebPort, 3000, kRouterPort, syn);
  EXPECT_LE(passed_on, 502u + kSessions / 100);
  EXPECT_GT(dropped(Drop::kSessionQuota), 2000u);
  EXPECT_EQ(passed(kCachePort, data(2000), kRouterPort), 1u);
  establish(2001);  // and there is room for new ones
  quota(0);
}

// Denied packets from elsewhere are charged to nobody here.
TEST_F(Tenants, ADeniedFloodFromTheFabricTakesNoQuota) {
  v1::Update update;
  *update.mutable_structure() = structure();
  update.mutable_structure()->mutable_tracking()->set_default_session_quota(200);
  v1::Policy& policy = *update.mutable_policy();
  policy.set_replace(true);
  add_class(policy, 1, true, false);
  add_subject(policy, kDbId, 1);
  apply(update);
  EXPECT_EQ(
      flood(kUplink, 1000, kDbPort,
            [](uint32_t i) {
              return wrapped(udp(kDb, kFarDb, "10.1.1.22", kDbIp, 64, static_cast<uint16_t>(3000 + i), 53));
            }),
      0u);
  EXPECT_EQ(dropped(Drop::kPolicyIngress), 1000u);
  EXPECT_EQ(passed(kDbPort, udp(kGatewayMac, kDb, kDbIp, kRouterIp, 64, 3000, 53), kRouterPort), 1u);
  quota(0);
}

TEST_F(Tenants, AFullTableKeepsTheEstablished) {
  for (uint16_t port = 2100; port < 2110; ++port) establish(port);
  const size_t out = flood(kWebPort, 3 * kSessions * workers(), kRouterPort, syn);
  EXPECT_GT(out, kSessions);
  for (uint16_t port = 2100; port < 2110; ++port)
    EXPECT_EQ(passed(kCachePort, data(port), kRouterPort), 1u) << port;
  EXPECT_LE(sessions().size(), size_t{kSessions} * workers());
}

TEST_F(Tenants, UpdatesUnderLoadLoseNothing) {
  uint32_t sent = 0;
  size_t received = 0;
  for (uint32_t round = 0; round < 100; ++round) {
    for (uint32_t i = 0; i < 20; ++i, ++sent) {
      send(kCachePort, udp(kRouter, kCache, kCacheIp, kRouterIp, 64, static_cast<uint16_t>(4000 + i), 53));
    }
    if (round % 10 == 9) {
      apply(structure());
    } else if (round % 2 == 0) {
      close(true, true);  // of web: these flows are not concerned
    } else {
      open_again();
    }
    received += collect(kRouterPort).size();
  }
  received += out_of(kRouterPort).size();
  EXPECT_EQ(received, sent);
}

TEST_F(Tenants, AFlowKeepsItsOrder) {
  std::array<uint32_t, 16> last{};
  size_t received = 0;
  for (uint32_t i = 1; i <= 3200; ++i) {
    const auto flow = static_cast<uint16_t>(i % 16);
    Bytes frame = udp(kRouter, kCache, kCacheIp, kRouterIp, 64, static_cast<uint16_t>(5000 + flow), 53);
    store_be32(&frame[42], i);
    while (!try_send(kCachePort, frame)) std::this_thread::yield();
    if (i % 400 != 0) continue;
    for (const Bytes& out : out_of(kRouterPort)) {
      const uint32_t number = load_be32(&out[42]);
      EXPECT_GT(number, last[number % 16]);
      last[number % 16] = number;
      ++received;
    }
  }
  EXPECT_EQ(received, 3200u);
}

// Limits go with their publication: a worker may take them up while the next ones are being prepared.
TEST_F(Tenants, ManyStructuresInARow) {
  for (int i = 0; i < 200; ++i) quota(i % 2 == 0 ? 100 : 0);
  establish(2200);
}

// What a worker at rest went by is taken away: it must not look at it once more (the address sanitizer sees
// it).
TEST_F(Tenants, PublicationsWhileNothingComes) {
  const uint64_t before = figures().workers.front().sleeps;
  for (int i = 0; i < 2000; ++i) open_again();
  EXPECT_GT(figures().workers.front().sleeps, before);
  establish(2300);
}

// A port that is given up with packets on their way to it.
TEST_F(Tenants, APortComesAndGoes) {
  v1::Structure without = structure();
  without.mutable_ports()->DeleteSubrange(7, 1);
  for (int i = 0; i < without.endpoints_size(); ++i) {
    if (without.endpoints(i).port() == 7) without.mutable_endpoints()->DeleteSubrange(i, 1);
  }
  const Bytes to_cache = udp(kCache, kRouter, kRouterIp, kCacheIp, 64, 6000, 53);
  EXPECT_EQ(passed(kRouterPort, to_cache, kCachePort), 1u);
  apply(without);
  EXPECT_EQ(passed(kRouterPort, to_cache, kCachePort), 0u);
  apply(structure());
  EXPECT_EQ(passed(kRouterPort, to_cache, kCachePort), 1u);
}

}  // namespace
}  // namespace outrigger::integration
