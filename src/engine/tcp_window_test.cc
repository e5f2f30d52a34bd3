#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/tcp_fixture.h"
#include "engine/tcp_segment.h"

namespace outrigger::engine {
namespace {

using namespace testing;

TEST(TcpWindow, StrictKeepsToTheWindow) {
  TcpConnection c;
  c.establish();
  const Session before = c.session;
  struct {
    unsigned from;
    uint8_t flags;
    uint32_t seq, ack;
    Drop drop;
  } const rows[] = {
      {A, kAck, kA + 1 + 1002, kB + 1, Drop::kTcpOutOfWindow},   // beyond what B allows
      {A, kAck, kA + 1 - 1002, kB + 1, Drop::kTcpOutOfWindow},   // older than a window
      {A, kAck, kA + 1, kB + 2, Drop::kTcpOutOfWindow},          // acknowledges what B has not sent
      {A, kAck, kA + 1, kB + 1 - 66001, Drop::kTcpOutOfWindow},  // or what nobody remembers
      {B, kAck, kB + 1 + 0x40000000, kA + 1, Drop::kTcpOutOfWindow},
      {B, kFin | kAck, kB + 1 + 1002, kA + 1, Drop::kTcpOutOfWindow},
      {B, kRst, kB + 1 + 1002, 0, Drop::kTcpOutOfWindow},
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
  EXPECT_EQ(c.send(A, kAck, kA + 1 + 1000, kB + 1, 1), Drop::kNone);  // a window probe
  EXPECT_EQ(c.send(A, kAck, kA + 1 + 1001, kB + 1), Drop::kNone);     // after a FIN into a closed window
  c.strict = false;
  EXPECT_EQ(c.send(A, kAck, kA + 500000, kB + 70000), Drop::kNone);
}

TEST(TcpWindow, StrictHandshake) {
  TcpConnection c;
  EXPECT_EQ(c.open(A, segment(kSyn, kA, 0, 0, 1000)), Drop::kNone);
  EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 2), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.send(B, kRst | kAck, 0, kA + 2), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.send(B, kRst, kA + 1, 0), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.session.state, SS);
  EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 1), Drop::kNone);
  EXPECT_EQ(c.send(A, kAck, kA + 1, kB + 2), Drop::kTcpOutOfWindow);
  EXPECT_EQ(c.session.state, SR);
}

TEST(TcpWindow, WindowsScaleOnlyWhenBothOffer) {
  TcpConnection both;
  both.establish(7);
  EXPECT_EQ(both.send(B, kAck, kB + 1, kA + 1, 0, 1000), Drop::kNone);
  EXPECT_EQ(both.send(A, kAck, kA + 1 + 128001, kB + 1), Drop::kNone);
  EXPECT_EQ(both.send(A, kAck, kA + 1 + 128002, kB + 1), Drop::kTcpOutOfWindow);

  TcpConnection one;
  one.open(A, segment(kSyn, kA, 0, 0, 1000, 7));
  one.send(B, segment(kSyn | kAck, kB, kA + 1, 0, 1000));
  one.send(A, kAck, kA + 1, kB + 1);
  EXPECT_EQ(one.send(B, kAck, kB + 1, kA + 1, 0, 1000), Drop::kNone);
  EXPECT_EQ(one.send(A, kAck, kA + 1 + 1001, kB + 1), Drop::kNone);
  EXPECT_EQ(one.send(A, kAck, kA + 1 + 1002, kB + 1), Drop::kTcpOutOfWindow);
  EXPECT_EQ(one.send(B, kAck, kB + 1 + 1002, kA + 1), Drop::kTcpOutOfWindow);

  // RFC 7323 §2.2: a SYN/ACK's own window is never scaled.
  TcpConnection unscaled;
  unscaled.open(A, segment(kSyn, kA, 0, 0, 1000, 7));
  unscaled.send(B, segment(kSyn | kAck, kB, kA + 1, 0, 1000, 7));
  EXPECT_EQ(unscaled.send(A, kAck, kA + 1 + 1002, kB + 1), Drop::kTcpOutOfWindow);
}

// A window of data and a probe beyond it, all lost behind the box: what B last acknowledged is still honest.
TEST(TcpWindow, AcknowledgementLagsByAWindowAndAProbe) {
  TcpConnection c;
  c.establish(7);
  EXPECT_EQ(c.send(B, kAck, kB + 1, kA + 1), Drop::kNone);
  EXPECT_EQ(c.send(A, kAck, kA + 1, kB + 1, 128000), Drop::kNone);
  EXPECT_EQ(c.send(A, kAck, kA + 1 + 128000, kB + 1, 1), Drop::kNone);
  EXPECT_EQ(c.send(B, kAck, kB + 1, kA + 1), Drop::kNone);
  EXPECT_EQ(c.send(B, kAck, kB + 1, kA), Drop::kTcpOutOfWindow);
}

TEST(TcpWindow, MidStream) {
  TcpConnection strict;
  for (const uint8_t flags : {uint8_t{kAck}, uint8_t{kSyn | kAck}, uint8_t{kFin | kAck}, uint8_t{kRst}}) {
    EXPECT_EQ(strict.open(A, segment(flags, 5, 6, 10, 100)), Drop::kTcpNoSession);
  }
  TcpConnection loose(false);
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

TEST(TcpWindow, FastOpenDataMayBeAcknowledgedOrNot) {
  for (const uint32_t acknowledged : {0u, 50u, 100u}) {
    TcpConnection c;
    c.open(A, segment(kSyn, kA, 0, 100, 1000));
    EXPECT_EQ(c.send(B, kSyn | kAck, kB, kA + 1 + acknowledged, 0), Drop::kNone);
    EXPECT_EQ(c.send(A, kAck, kA + 1 + acknowledged, kB + 1, 100 - acknowledged), Drop::kNone);
  }
}

// The rest of a segment's first fragment is not seen: acknowledging it is no offence.
TEST(TcpWindow, FirstFragmentMayBeLonger) {
  TcpConnection c;
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
