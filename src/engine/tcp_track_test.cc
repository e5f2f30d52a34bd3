#include "engine/tcp_track.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/tcp_segment.h"

namespace outrigger::engine {
namespace {

using packet::kAck, packet::kFin, packet::kPsh, packet::kRst, packet::kSyn;

constexpr unsigned A = 0, B = 1;
constexpr uint32_t kA = 1000, kB = 0xfffffff0;  // initial sequence numbers; B's wraps soon
constexpr int kNoScale = -1;

struct Bytes {
  uint8_t tcp[40] = {};
  uint32_t length;
  packet::PacketInfo info;
};

Bytes segment(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t payload, uint16_t window,
              int scale = kNoScale) {
  Bytes bytes;
  const auto put32 = [&](unsigned at, uint32_t word) {
    for (unsigned i = 0; i < 4; ++i) bytes.tcp[at + i] = static_cast<uint8_t>(word >> (24 - 8 * i));
  };
  put32(4, seq);
  put32(8, ack);
  const unsigned header = scale == kNoScale ? 20 : 24;
  bytes.tcp[12] = static_cast<uint8_t>(header / 4 << 4);
  bytes.tcp[13] = flags;
  bytes.tcp[14] = static_cast<uint8_t>(window >> 8);
  bytes.tcp[15] = static_cast<uint8_t>(window);
  if (scale != kNoScale) {
    const uint8_t option[4] = {1, 3, 3, static_cast<uint8_t>(scale)};
    std::copy_n(option, 4, bytes.tcp + 20);
  }
  bytes.length = header + payload;
  bytes.info.tcp_flags = flags;
  return bytes;
}

struct Connection {
  explicit Connection(bool is_strict = true) : strict(is_strict) {}

  Drop open(unsigned from, const Bytes& bytes) {
    return tcp_open(session, from, bytes.info, bytes.tcp, bytes.length, strict);
  }
  Drop send(unsigned from, const Bytes& bytes) {
    changed = reopen = false;
    const SessionState before = session.state;
    const Drop drop =
        tcp_follow(session, from, bytes.info, bytes.tcp, bytes.length, strict, &changed, &reopen);
    EXPECT_EQ(changed, session.state != before);
    return drop;
  }
  Drop send(unsigned from, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t payload = 0,
            uint16_t window = 1000) {
    return send(from, segment(flags, seq, ack, payload, window));
  }
  // A's connection to B, both with windows of 1000 << scale, nothing sent yet.
  void establish(int scale = kNoScale) {
    ASSERT_EQ(open(A, segment(kSyn, kA, 0, 0, 1000, scale)), Drop::kNone);
    ASSERT_EQ(send(B, segment(kSyn | kAck, kB, kA + 1, 0, 1000, scale)), Drop::kNone);
    ASSERT_EQ(send(A, kAck, kA + 1, kB + 1), Drop::kNone);
    ASSERT_EQ(session.state, SessionState::kEstablished);
  }

  bool strict;
  bool changed = false, reopen = false;
  Session session;
};

struct Row {
  unsigned from;
  uint8_t flags;
  uint32_t seq;
  uint32_t ack;
  uint32_t payload;
  SessionState after;
};

struct Exchange {
  const char* name;
  std::vector<Row> rows;
};

constexpr auto SS = SessionState::kSynSent, SR = SessionState::kSynReceived, ES = SessionState::kEstablished,
               FW = SessionState::kFinWait, CL = SessionState::kClosing, TW = SessionState::kTimeWait,
               RS = SessionState::kReset;

// What stacks do, in the order a middlebox sees it: each first row opens, no row is dropped in either mode.
const Exchange kExchanges[] = {
    {"open, data, close",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 0, ES},
      {A, kAck | kPsh, kA + 1, kB + 1, 100, ES},
      {B, kAck | kPsh, kB + 1, kA + 101, 200, ES},
      {A, kFin | kAck, kA + 101, kB + 201, 0, FW},
      {B, kAck, kB + 201, kA + 102, 0, FW},
      {B, kAck, kB + 201, kA + 102, 300, FW},
      {B, kFin | kAck, kB + 501, kA + 102, 0, CL},
      {A, kAck, kA + 102, kB + 502, 0, TW},
      {B, kFin | kAck, kB + 501, kA + 102, 0, TW}}},
    {"retransmitted SYN, then SYN/ACK",
     {{A, kSyn, kA, 0, 0, SS},
      {A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kSyn, kA, 0, 0, SR},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 0, ES},
      {B, kSyn | kAck, kB, kA + 1, 0, ES},
      {A, kAck, kA + 1, kB + 1, 0, ES}}},
    {"SYN cookies answer a second SYN with another number",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kSyn, kA, 0, 0, SR},
      {B, kSyn | kAck, 77777, kA + 1, 0, SR},
      {A, kAck, kA + 1, 77778, 0, ES}}},
    {"simultaneous open",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn, kB, 0, 0, SR},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kSyn | kAck, kA, kB + 1, 0, ES},
      {B, kAck, kB + 1, kA + 1, 100, ES},
      {A, kAck, kA + 1, kB + 101, 0, ES}}},
    {"simultaneous close",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 0, ES},
      {A, kFin | kAck, kA + 1, kB + 1, 0, FW},
      {B, kFin | kAck, kB + 1, kA + 1, 0, CL},
      {B, kAck, kB + 2, kA + 2, 0, CL},
      {A, kAck, kA + 2, kB + 2, 0, TW}}},
    {"the responder closes first; FIN retransmitted",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 0, ES},
      {B, kFin | kAck, kB + 1, kA + 1, 0, FW},
      {B, kFin | kAck, kB + 1, kA + 1, 0, FW},
      {A, kAck, kA + 1, kB + 2, 500, FW},
      {B, kAck, kB + 2, kA + 501, 0, FW},
      {A, kFin | kAck, kA + 501, kB + 2, 0, CL},
      {B, kAck, kB + 2, kA + 502, 0, TW}}},
    {"refused", {{A, kSyn, kA, 0, 0, SS}, {B, kRst | kAck, 0, kA + 1, 0, RS}}},
    {"half-open connection discovered (RFC 9293 figure 9)",
     {{A, kSyn, kA, 0, 0, SS}, {B, kAck, 5555, 6666, 0, SS}, {A, kRst, 6666, 0, 0, RS}}},
    {"SYN inside a connection is challenged, and resets it",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 100, ES},
      {A, kSyn, 424242, 0, 0, ES},
      {B, kAck, kB + 1, kA + 101, 0, ES},
      {A, kRst, kA + 101, 0, 0, RS}}},
    {"both ends forgot: the SYN inside is answered with a SYN/ACK",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 100, ES},
      {A, kSyn, 424242, 0, 0, ES},
      {B, kSyn | kAck, 99999999, 424243, 0, SR},
      {A, kAck, 424243, 100000000, 0, ES},
      {B, kAck, 100000000, 424243, 500, ES}}},
    {"keep-alive and window probe",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 1000, ES},
      {A, kAck, kA + 1001, kB + 1, 1, ES},
      {B, kAck, kB, kA + 1001, 0, ES},
      {A, kAck, kA + 1000, kB + 1, 0, ES}}},
    {"challenged reset: the connection goes on",
     {{A, kSyn, kA, 0, 0, SS},
      {B, kSyn | kAck, kB, kA + 1, 0, SR},
      {A, kAck, kA + 1, kB + 1, 100, ES},
      {A, kRst, kA + 300, 0, 0, RS},
      {B, kAck, kB + 1, kA + 101, 0, RS},
      {A, kAck, kA + 101, kB + 1, 50, RS}}},
};

TEST(TcpTrack, LegalExchangesPassInBothModesFromBothSides) {
  for (const Exchange& exchange : kExchanges) {
    for (const bool strict : {false, true}) {
      for (const unsigned mirror : {0u, 1u}) {
        Connection c(strict);
        size_t number = 0;
        for (const Row& row : exchange.rows) {
          const Bytes bytes = segment(row.flags, row.seq, row.ack, row.payload, 1000);
          const unsigned from = row.from ^ mirror;
          const Drop drop = number == 0 ? c.open(from, bytes) : c.send(from, bytes);
          ASSERT_EQ(drop, Drop::kNone) << exchange.name << ", row " << number << ", strict " << strict;
          ASSERT_EQ(c.session.state, row.after)
              << exchange.name << ", row " << number << ", strict " << strict;
          ASSERT_FALSE(c.reopen);
          ++number;
        }
      }
    }
  }
}

TEST(TcpTrack, WrongSegmentsForTheState) {
  for (const bool strict : {false, true}) {
    Connection c(strict);
    c.open(A, segment(kSyn, kA, 0, 0, 1000));
    EXPECT_EQ(c.send(A, kAck, kA + 1, kB + 1), Drop::kTcpInvalidState);
    EXPECT_EQ(c.send(A, kSyn | kAck, kA, kB + 1), Drop::kTcpInvalidState);
    EXPECT_EQ(c.send(B, kFin | kAck, kB, kA + 1), Drop::kTcpInvalidState);
    EXPECT_EQ(c.send(A, kFin | kAck, kA + 1, kB + 1), Drop::kTcpInvalidState);
    EXPECT_EQ(c.send(A, 0, kA + 1, 0), Drop::kTcpInvalidState);
    EXPECT_EQ(c.session.state, SS);
    EXPECT_EQ(c.send(B, kRst | kAck, 0, kA + 1), Drop::kNone);
    EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 1), Drop::kTcpInvalidState);
  }
}

TEST(TcpTrack, SynAfterTheEndReopens) {
  Connection c;
  c.open(A, segment(kSyn, kA, 0, 0, 1000));
  c.send(B, kRst | kAck, 0, kA + 1);
  EXPECT_EQ(c.send(A, kSyn, 5000, 0), Drop::kNone);
  EXPECT_TRUE(c.reopen);
  EXPECT_EQ(c.session.state, RS);
  c.session.state = TW;
  c.send(B, kSyn, 5000, 0);
  EXPECT_TRUE(c.reopen);
  c.session.state = SessionState::kNew;  // opened by a later fragment
  c.send(A, kAck, 5000, 1);
  EXPECT_TRUE(c.reopen);
}

TEST(TcpTrack, StrictKeepsToTheWindow) {
  Connection c;
  c.establish();
  const Session before = c.session;
  struct {
    unsigned from;
    uint8_t flags;
    uint32_t seq, ack;
    Drop drop;
  } const rows[] = {
      {A, kAck, kA + 1 + 1001, kB + 1, Drop::kTcpOutOfWindow},   // beyond what B allows
      {A, kAck, kA + 1 - 1001, kB + 1, Drop::kTcpOutOfWindow},   // older than a window
      {A, kAck, kA + 1, kB + 2, Drop::kTcpOutOfWindow},          // acknowledges what B has not sent
      {A, kAck, kA + 1, kB + 1 - 66001, Drop::kTcpOutOfWindow},  // or what nobody remembers
      {B, kAck, kB + 1 + 0x40000000, kA + 1, Drop::kTcpOutOfWindow},
      {B, kFin | kAck, kB + 1 + 1001, kA + 1, Drop::kTcpOutOfWindow},
      {B, kRst, kB + 1 + 1001, 0, Drop::kTcpOutOfWindow},
      {A, kRst, kA + 1 - 1001, 0, Drop::kTcpOutOfWindow},
      {B, kSyn | kAck, kB + 5000, kA + 1, Drop::kTcpOutOfWindow},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(c.send(row.from, row.flags, row.seq, row.ack), row.drop) << row.seq;
    EXPECT_EQ(c.session.state, ES);
    for (unsigned end : {A, B}) {
      EXPECT_EQ(c.session.tcp[end].end, before.tcp[end].end);
      EXPECT_EQ(c.session.tcp[end].limit, before.tcp[end].limit);
    }
  }
  EXPECT_EQ(c.send(A, kAck, kA + 1 + 1000, kB + 1, 1), Drop::kNone);  // on the edge: a window probe
  c.strict = false;
  EXPECT_EQ(c.send(A, kAck, kA + 500000, kB + 70000), Drop::kNone);
}

TEST(TcpTrack, StrictHandshake) {
  Connection c;
  EXPECT_EQ(c.open(A, segment(kSyn, kA, 0, 0, 1000)), Drop::kNone);
  EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 2), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.send(B, kRst | kAck, 0, kA + 2), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.send(B, kRst, kA + 1, 0), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.session.state, SS);
  EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 1), Drop::kNone);
  EXPECT_EQ(c.send(A, kAck, kA + 1, kB + 2), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.session.state, SR);
}

TEST(TcpTrack, WindowsScaleOnlyWhenBothOffer) {
  Connection both;
  both.establish(7);
  EXPECT_EQ(both.send(B, kAck, kB + 1, kA + 1, 0, 1000), Drop::kNone);
  EXPECT_EQ(both.send(A, kAck, kA + 1 + 128000, kB + 1), Drop::kNone);
  EXPECT_EQ(both.send(A, kAck, kA + 1 + 128001, kB + 1), Drop::kTcpOutOfWindow);

  Connection one;
  one.open(A, segment(kSyn, kA, 0, 0, 1000, 7));
  one.send(B, segment(kSyn | kAck, kB, kA + 1, 0, 1000));
  one.send(A, kAck, kA + 1, kB + 1);
  EXPECT_EQ(one.send(B, kAck, kB + 1, kA + 1, 0, 1000), Drop::kNone);
  EXPECT_EQ(one.send(A, kAck, kA + 1 + 1000, kB + 1), Drop::kNone);
  EXPECT_EQ(one.send(A, kAck, kA + 1 + 1001, kB + 1), Drop::kTcpOutOfWindow);
  EXPECT_EQ(one.send(B, kAck, kB + 1 + 1001, kA + 1), Drop::kTcpOutOfWindow);

  // RFC 7323 §2.2: a SYN/ACK's own window is never scaled.
  Connection unscaled;
  unscaled.open(A, segment(kSyn, kA, 0, 0, 1000, 7));
  unscaled.send(B, segment(kSyn | kAck, kB, kA + 1, 0, 1000, 7));
  EXPECT_EQ(unscaled.send(A, kAck, kA + 1 + 1001, kB + 1), Drop::kTcpOutOfWindow);
}

TEST(TcpTrack, MidStream) {
  Connection strict;
  for (const uint8_t flags : {uint8_t{kAck}, uint8_t{kSyn | kAck}, uint8_t{kFin | kAck}, uint8_t{kRst}}) {
    EXPECT_EQ(strict.open(A, segment(flags, 5, 6, 10, 100)), Drop::kTcpNoSession);
  }
  Connection loose(false);
  EXPECT_EQ(loose.open(B, segment(kAck, 5, 6, 10, 100)), Drop::kNone);
  EXPECT_EQ(loose.session.state, ES);
  EXPECT_EQ(loose.session.opener, B);
  loose.strict = true;  // a change of mode does not cut what cannot be checked
  EXPECT_EQ(loose.send(A, kAck, 900000, 15), Drop::kNone);
  EXPECT_EQ(loose.send(B, kFin | kAck, 15, 900000), Drop::kNone);
  EXPECT_EQ(loose.send(A, kFin | kAck, 900000, 16), Drop::kNone);
  EXPECT_EQ(loose.session.state, CL);
  EXPECT_EQ(loose.send(B, kAck, 16, 900001), Drop::kNone);
  EXPECT_EQ(loose.session.state, TW);
}

TEST(TcpTrack, FastOpenDataMayBeAcknowledgedOrNot) {
  for (const uint32_t acknowledged : {0u, 50u, 100u}) {
    Connection c;
    c.open(A, segment(kSyn, kA, 0, 100, 1000));
    EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 1 + acknowledged, 0), Drop::kNone);
    EXPECT_EQ(c.send(A, kAck, kA + 1 + acknowledged, kB + 1, 100 - acknowledged), Drop::kNone);
  }
}

// The rest of a segment's first fragment is not seen: acknowledging it is no offence.
TEST(TcpTrack, FirstFragmentMayBeLonger) {
  Connection c;
  c.establish();
  Bytes bytes = segment(kAck, kA + 1, kB + 1, 200, 1000);
  bytes.info.first_fragment = true;
  EXPECT_EQ(c.send(A, bytes), Drop::kNone);
  EXPECT_EQ(c.send(B, kAck, kB + 1, kA + 1 + 900), Drop::kNone);
  EXPECT_EQ(c.send(A, kAck, kA + 1 + 900, kB + 1), Drop::kNone);
  EXPECT_EQ(c.send(B, kAck, kB + 1, kA + 1 + 1001), Drop::kTcpOutOfWindow);
}

TEST(TcpOptions, ScaleIsReadWithinBounds) {
  const auto scale = [](std::vector<uint8_t> options, uint32_t length, unsigned words) {
    uint8_t tcp[60] = {};
    std::copy(options.begin(), options.end(), tcp + 20);
    tcp[12] = static_cast<uint8_t>(words << 4);
    return tcp_window_scale(tcp, length);
  };
  EXPECT_EQ(scale({2, 4, 5, 180, 1, 3, 3, 7}, 28, 7), 7);
  EXPECT_EQ(scale({3, 3, 15}, 24, 6), 14);                // RFC 7323 §2.3
  EXPECT_EQ(scale({0, 3, 3, 7}, 24, 6), -1);              // after the end
  EXPECT_EQ(scale({1, 1, 3, 3}, 24, 6), -1);              // cut by the header
  EXPECT_EQ(scale({3, 3, 7, 0}, 22, 6), -1);              // cut by the packet
  EXPECT_EQ(scale({8, 0, 3, 3, 7, 0, 0, 0}, 28, 7), -1);  // a length that would not end
  EXPECT_EQ(scale({3, 4, 7, 0}, 24, 6), -1);
  EXPECT_EQ(scale({}, 20, 5), -1);
}

}  // namespace
}  // namespace outrigger::engine
