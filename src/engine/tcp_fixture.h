// Segments by hand, and a tracked connection between A and B, for the tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/tcp_track.h"

namespace outrigger::engine::testing {

using packet::kAck, packet::kFin, packet::kPsh, packet::kRst, packet::kSyn;

inline constexpr unsigned A = 0, B = 1;
inline constexpr uint32_t kA = 1000, kB = 0xfffffff0;  // initial sequence numbers; B's wraps soon
inline constexpr int kNoScale = -1;

inline constexpr auto SS = SessionState::kSynSent, SR = SessionState::kSynReceived,
                      ES = SessionState::kEstablished, FW = SessionState::kFinWait,
                      CL = SessionState::kClosing, TW = SessionState::kTimeWait, RS = SessionState::kReset;

struct Bytes {
  uint8_t tcp[40] = {};
  uint32_t length;
  packet::PacketInfo info;
};

inline Bytes segment(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t payload, uint16_t window,
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

struct TcpConnection {
  explicit TcpConnection(bool is_strict = true) : strict(is_strict) {}

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

}  // namespace outrigger::engine::testing
