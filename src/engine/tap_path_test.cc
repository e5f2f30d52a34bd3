// Frames of the kernel's through taps of our own: in by one interface, out by another, in a namespace made
// for it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "engine/eal.h"
#include "engine/poll_plan.h"
#include "engine/ports.h"
#include "engine/shared.h"
#include "engine/tap_io.h"
#include "engine/transmit.h"
#include "packet/builder.h"

namespace outrigger::engine {
namespace {

using Frame = std::vector<uint8_t>;

Frame frame(size_t payload) {
  Frame out(2000);
  out.resize(packet::Builder(out)
                 .ethernet(MacAddress::broadcast(), {{2, 0, 0, 0, 0, 9}})
                 .ip(*IpAddress::parse("10.9.0.1"), *IpAddress::parse("10.9.0.2"))
                 .udp(1234, 4321)
                 .zeros(payload)
                 .finish());
  return out;
}

// The interface's user.
class Wire {
 public:
  explicit Wire(const char* interface)
      : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x0800))) {
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(0x0800);
    at.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    bound_ = bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  }
  ~Wire() { ::close(socket_); }
  [[nodiscard]] bool bound() const { return bound_; }
  [[nodiscard]] bool send(const Frame& out) const {
    return ::send(socket_, out.data(), out.size(), 0) == static_cast<ssize_t>(out.size());
  }
  [[nodiscard]] Frame receive() const {
    pollfd one{socket_, POLLIN, 0};
    Frame in(2048);
    const ssize_t length = poll(&one, 1, 500) == 1 ? recv(socket_, in.data(), in.size(), 0) : 0;
    in.resize(length > 0 ? static_cast<size_t>(length) : 0);
    return in;
  }

 private:
  int socket_;
  bool bound_ = false;
};

class TapPathTest : public ::testing::Test {
 protected:
  static inline bool ready = false;
  static inline Shared shared;

  static void SetUpTestSuite() {
    if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) return;
    ASSERT_TRUE(start_eal(EalOptions{.memory_mib = 64}).ok());
    ASSERT_TRUE(shared.make_buffers(1023).ok());
    ready = true;
  }
  void SetUp() override {
    if (!ready) GTEST_SKIP() << "needs a namespace and /dev/net/tun";
  }
  void TearDown() override {
    if (!ready) return;
    EXPECT_EQ(rte_mempool_in_use_count(shared.buffers), 0u);
  }
};

TEST_F(TapPathTest, FramesGoBothWays) {
  LocalPorts ports(1, shared.buffers);
  const std::vector<PortRequest> wanted = {{PortId(1), "tap,iface=one,mac=02:00:00:00:00:01", 1400}};
  ASSERT_TRUE(ports.attach(wanted).ok());
  const int tap = ports.all().at(1).taps.at(0);
  const Wire wire("one");
  ASSERT_TRUE(wire.bound());
  PortCounters counters;
  std::array<rte_mbuf*, 8> packets;
  // What the kernel says of its own accord when an interface comes up is no part of this.
  for (uint16_t got; (got = read_tap(tap, shared.buffers, packets.data(), 8, counters)) != 0;)
    rte_pktmbuf_free_bulk(packets.data(), got);
  const uint64_t before = counters.rx_bytes.get();

  ASSERT_TRUE(wire.send(frame(100)));
  ASSERT_EQ(read_tap(tap, shared.buffers, packets.data(), 8, counters), 1);
  EXPECT_EQ(Frame(rte_pktmbuf_mtod(packets[0], uint8_t*),
                  rte_pktmbuf_mtod(packets[0], uint8_t*) + packets[0]->data_len),
            frame(100));
  EXPECT_EQ(counters.rx_bytes.get() - before, frame(100).size());

  ASSERT_EQ(write_tap(tap, packets.data(), 1, counters), 1);
  EXPECT_EQ(wire.receive(), frame(100));
  EXPECT_EQ(counters.tx_packets.get(), 1u);
  EXPECT_EQ(counters.tx_bytes.get(), frame(100).size());
}

// A turn is as long as its system calls: who waits for the beat must not take many bursts for a hang.
TEST_F(TapPathTest, EachBurstIsABeat) {
  LocalPorts ports(1, shared.buffers);
  ASSERT_TRUE(ports.attach({{PortId(1), "tap,iface=beat", 1500}}).ok());
  const std::vector<Outlet> outlets = {{}, {.kind = DeviceKind::kTap, .tap = ports.all().at(1).taps.at(0)}};
  WorkerWord word;
  word.beat = 41;
  Pulse pulse(word);
  pulse.resume();
  WorkerCounters counters;
  std::vector<PortCounters> counted(kCountedPorts);
  Transmit transmit(0, counters, counted, pulse, shared);
  transmit.use(outlets);
  for (unsigned i = 0; i < 2 * Transmit::kBurst + 1; ++i) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(shared.buffers);
    std::ranges::copy(frame(100), reinterpret_cast<uint8_t*>(rte_pktmbuf_append(packet, frame(100).size())));
    transmit.add(PortId(1), packet);
  }
  EXPECT_EQ(word.beat, 41u + 2);
  transmit.flush();
  EXPECT_EQ(word.beat, 41u + 3);
}

TEST_F(TapPathTest, AFrameInPiecesLeavesWhole) {
  LocalPorts ports(1, shared.buffers);
  ASSERT_TRUE(ports.attach({{PortId(1), "tap,iface=two", 1500}}).ok());
  const Wire wire("two");
  const Frame whole = frame(600);
  rte_mbuf* const head = rte_pktmbuf_alloc(shared.buffers);
  rte_mbuf* const tail = rte_pktmbuf_alloc(shared.buffers);
  std::copy_n(whole.data(), 300, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(head, 300)));
  const auto rest = static_cast<uint16_t>(whole.size() - 300);
  std::copy_n(whole.data() + 300, rest, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(tail, rest)));
  ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
  rte_mbuf* packets[] = {head};
  PortCounters counters;
  ASSERT_EQ(write_tap(ports.all().at(1).taps[0], packets, 1, counters), 1);
  EXPECT_EQ(wire.receive(), whole);
}

TEST_F(TapPathTest, ManyTapsStandBehindOneWatch) {
  LocalPorts ports(1, shared.buffers);
  std::vector<PortRequest> wanted;
  for (uint16_t id = 1; id <= 3; ++id)
    wanted.push_back({PortId(id), absl::StrCat("tap,iface=many", id), 1500});
  ASSERT_TRUE(ports.attach(wanted).ok());
  Published published;
  describe(ports, wanted, 1, published);
  EXPECT_TRUE(published.polls[0].empty());
  EXPECT_EQ(published.watches[0].sources.size(), 3u);
  EXPECT_GE(published.watches[0].epoll, 0);
  EXPECT_EQ(published.outlets[0][2].tap, ports.all().at(2).taps[0]);

  Published one;
  wanted.resize(1);
  describe(ports, wanted, 1, one);
  EXPECT_EQ(one.polls[0].size(), 1u);  // a single one is read without asking first
  EXPECT_GE(one.watches[0].epoll, 0);
  ports.prune(wanted);
  EXPECT_EQ(ports.all().size(), 1u);
  EXPECT_EQ(if_nametoindex("many2"), 0u);
  EXPECT_FALSE(ports.attach({wanted[0], {PortId(9), wanted[0].device, 1500}}).ok());
}

}  // namespace
}  // namespace outrigger::engine
