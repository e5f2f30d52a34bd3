#include "engine/tcp_track.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/tcp_fixture.h"

namespace outrigger::engine {
namespace {

using namespace testing;

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
        TcpConnection c(strict);
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
    TcpConnection c(strict);
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
  TcpConnection c;
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

}  // namespace
}  // namespace outrigger::engine
