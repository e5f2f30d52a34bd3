// Two promises.  Any bytes: no crash, no state that is none.  Two honest ends over a lossy path: strict mode
// drops none of their segments, and every segment that neither could have sent.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "engine/tcp_segment.h"
#include "engine/tcp_track.h"

namespace outrigger::engine {
namespace {

using packet::kAck, packet::kFin, packet::kRst, packet::kSyn;

void check(bool promise) {
  if (!promise) __builtin_trap();
}

struct Verdict {
  Drop drop;
  bool changed = false, reopen = false;
};

// The header in a buffer of its exact size, so that a read past it is seen.
Verdict follow(Session& session, unsigned from, std::vector<uint8_t> header, uint32_t length, bool strict,
               bool first) {
  packet::PacketInfo info;
  info.tcp_flags = header[13] & 0x3f;
  Verdict verdict{};
  if (first) {
    verdict.drop = tcp_open(session, from, info, header.data(), length, strict);
  } else {
    verdict.drop =
        tcp_follow(session, from, info, header.data(), length, strict, &verdict.changed, &verdict.reopen);
  }
  return verdict;
}

void random_segments(FuzzedDataProvider& in) {
  Session session;
  bool first = true;
  while (in.remaining_bytes() != 0) {
    const uint8_t words = in.ConsumeIntegralInRange<uint8_t>(5, 15);
    std::vector<uint8_t> header = in.ConsumeBytes<uint8_t>(words * 4u);
    header.resize(words * 4u);
    header[12] = static_cast<uint8_t>(words << 4);
    const uint32_t length = words * 4u + in.ConsumeIntegral<uint16_t>();
    const SessionState before = session.state;
    const Verdict verdict = follow(session, in.ConsumeBool(), header, length, in.ConsumeBool(), first);
    if (!first) check(verdict.changed == (session.state != before));
    if (first && verdict.drop != Drop::kNone) continue;
    check(session.state >= SessionState::kSynSent && session.state <= SessionState::kReset);
    if (verdict.drop != Drop::kNone) check(session.state == before);
    first = false;
  }
}

struct Host {
  uint32_t iss = 0, una = 0, nxt = 0, rcv = 0;
  uint32_t limit = 0;  // as the other end has told it
  uint32_t right = 0;  // as it has told the other end, which it does not take back
  int scale = -1;      // its own offer
  bool open = false, heard_syn = false, fin = false;
  // What the box has been shown.
  uint32_t shown_end = 0, shown_right = 0, shown_window = 0;
};

class Exchange {
 public:
  explicit Exchange(FuzzedDataProvider& in) : in_(in) {
    for (Host& host : hosts_) {
      host.iss = host.una = in.ConsumeIntegral<uint32_t>();
      host.nxt = host.iss + 1;
      host.scale = in.ConsumeIntegralInRange<int>(-1, 14);
    }
    scaled_ = hosts_[0].scale >= 0 && hosts_[1].scale >= 0;
  }

  void run() {
    emit(0, kSyn, hosts_[0].iss, 0, true);
    while (in_.remaining_bytes() != 0 && !reset_) {
      const unsigned from = in_.ConsumeBool();
      Host& host = hosts_[from];
      if (host.open) {
        act(from);
      } else if (from == 0) {
        emit(0, kSyn, host.iss, 0);
      } else if (host.heard_syn) {
        emit(1, kSyn | kAck, host.iss, 0);
      }
    }
  }

 private:
  void act(unsigned from) {
    Host& host = hosts_[from];
    const uint32_t room = before(host.nxt, host.limit) ? host.limit - host.nxt : 0;
    switch (in_.ConsumeIntegralInRange<int>(0, 8)) {
      case 0:
      case 1: {
        const uint32_t size = std::min<uint32_t>(room, in_.ConsumeIntegral<uint16_t>() % 9000);
        if (host.fin || size == 0) return;
        host.nxt += size;
        return emit(from, kAck, host.nxt - size, size);
      }
      case 2: {  // all that is not acknowledged, or its beginning
        const uint32_t flight = host.nxt - host.una - (host.fin && host.una != host.nxt);
        const uint32_t size = std::min<uint32_t>(flight, in_.ConsumeIntegral<uint16_t>());
        return emit(from, host.fin && size == flight && host.una != host.nxt ? kAck | kFin : kAck,
                    size == 0 && !host.fin ? host.nxt : host.una, size);
      }
      case 3:
        return emit(from, kAck, host.nxt, 0);
      case 4:
        if (host.fin || in_.ConsumeIntegral<uint8_t>() % 8 != 0) return;
        host.fin = true;
        ++host.nxt;
        return emit(from, kAck | kFin, host.nxt - 1, 0);
      case 5:  // keep-alive
        if (host.una == host.nxt) emit(from, kAck, host.nxt - 1, 0);
        return;
      case 6:  // window probe
        if (room == 0 && !host.fin) emit(from, kAck, host.nxt, 1, false, true);
        return;
      case 7:
        if (in_.ConsumeIntegral<uint8_t>() != 7) return;
        emit(from, kRst | kAck, host.nxt, 0);
        return;
      case 8:
        return intrude(from);
    }
  }

  std::vector<uint8_t> header(unsigned from, uint8_t flags, uint32_t seq, uint32_t ack,
                              uint16_t window) const {
    const int scale = hosts_[from].scale;
    const bool option = (flags & kSyn) != 0 && scale >= 0 && (from == 0 || hosts_[0].scale >= 0);
    std::vector<uint8_t> tcp(option ? 24 : 20);
    store_be32(&tcp[4], seq);
    store_be32(&tcp[8], ack);
    tcp[12] = option ? 0x60 : 0x50;
    tcp[13] = flags;
    store_be16(&tcp[14], window);
    if (option) {
      const uint8_t bytes[4] = {3, 3, static_cast<uint8_t>(scale), 0};
      std::memcpy(&tcp[20], bytes, 4);
    }
    return tcp;
  }

  unsigned shift(unsigned from, uint8_t flags) const {
    return scaled_ && (flags & kSyn) == 0 ? static_cast<unsigned>(hosts_[from].scale) : 0;
  }

  // A window that does not take back what was offered; a zero one now and then.
  uint16_t window(unsigned from, uint8_t flags) {
    Host& host = hosts_[from];
    const unsigned by = shift(from, flags);
    const uint32_t kept = before(host.rcv, host.right) ? (host.right - host.rcv + (1u << by) - 1) >> by : 0;
    const uint32_t wanted = in_.ConsumeBool() ? 0 : in_.ConsumeIntegral<uint16_t>();
    const auto value = static_cast<uint16_t>(std::min<uint32_t>(std::max(kept, wanted), 0xffff));
    if ((flags & kAck) != 0) host.right = host.rcv + (uint32_t{value} << by);
    return value;
  }

  void emit(unsigned from, uint8_t flags, uint32_t seq, uint32_t size, bool first = false,
            bool probe = false) {
    Host& host = hosts_[from];
    Host& other = hosts_[from ^ 1];
    const uint32_t ack = (flags & kAck) != 0 ? host.rcv : 0;
    const uint16_t offered = window(from, flags);
    if (!first && in_.ConsumeIntegral<uint8_t>() % 8 == 0) return;  // lost before the box
    const auto bytes = header(from, flags, seq, ack, offered);
    const Verdict verdict =
        follow(session_, from, bytes, static_cast<uint32_t>(bytes.size()) + size, true, first);
    check(verdict.drop == Drop::kNone && !verdict.reopen);

    const uint32_t end = seq + size + ((flags & kSyn) != 0) + ((flags & kFin) != 0);
    const uint32_t scaled = uint32_t{offered} << shift(from, flags);
    if ((flags & kSyn) != 0 || before(host.shown_end, end)) host.shown_end = end;
    host.shown_window = std::max(host.shown_window, scaled);
    if ((flags & kSyn) != 0) syn_shown(from, offered);
    if ((flags & kAck) != 0 && before(host.shown_right, ack + scaled)) host.shown_right = ack + scaled;
    if ((flags & kRst) != 0) {
      check(session_.state == SessionState::kReset);
      reset_ = true;
      return;
    }
    if (in_.ConsumeIntegral<uint8_t>() % 8 == 1) return;  // lost behind it
    if (!probe) deliver(other, flags, seq, end, ack, scaled);
  }

  // The last SYN before the first SYN/ACK counts: neither sent again takes back what has been announced.
  void syn_shown(unsigned from, uint16_t offered) {
    if (answered_) return;
    if (from == 0) {
      syn_window_ = offered;
      return;
    }
    answered_ = true;
    hosts_[0].shown_right = hosts_[1].shown_end + syn_window_;
    hosts_[1].shown_right = hosts_[0].shown_end + offered;
  }

  static void deliver(Host& to, uint8_t flags, uint32_t seq, uint32_t end, uint32_t ack, uint32_t window) {
    if ((flags & kSyn) != 0) {
      if (!to.heard_syn) to.rcv = to.right = end;
      to.heard_syn = true;
    } else if (at_or_before(seq, to.rcv) && before(to.rcv, end) && to.heard_syn) {
      to.rcv = end;
    }
    if ((flags & kAck) == 0) return;
    if (before(to.una, ack) && at_or_before(ack, to.nxt)) to.una = ack;
    if (!to.open) to.limit = ack + window;
    to.open = true;
    if (before(to.limit, ack + window)) to.limit = ack + window;
  }

  // Segments that no honest end sends now: dropped, and nothing has changed.
  void intrude(unsigned from) {
    if (session_.state != SessionState::kEstablished && session_.state != SessionState::kFinWait) return;
    const Host& host = hosts_[from];
    const Host& other = hosts_[from ^ 1];
    const uint32_t by = 1 + in_.ConsumeIntegral<uint32_t>() % (1u << 29);
    const uint8_t flags[] = {kAck, kAck | kFin, kRst | kAck};
    const uint8_t flag = flags[in_.ConsumeIntegralInRange<int>(0, 2)];
    uint32_t seq = host.shown_end, ack = other.shown_end;
    switch (in_.ConsumeIntegralInRange<int>(0, 2)) {
      case 0:
        seq = other.shown_right + 1 + by;
        break;
      case 1:
        seq = host.shown_end - other.shown_window - (1u << 14) - 2 - by;
        break;
      case 2:
        if ((flag & kRst) != 0) return;
        ack = other.shown_end + by;
        break;
    }
    Session before = session_;
    const auto bytes = header(from, flag, seq, ack, 1000);
    const Verdict verdict = follow(session_, from, bytes, static_cast<uint32_t>(bytes.size()), true, false);
    check(verdict.drop == Drop::kTcpOutOfWindow && !verdict.changed);
    check(std::memcmp(&before, &session_, sizeof before) == 0);
  }

  FuzzedDataProvider& in_;
  Host hosts_[2];
  Session session_;
  uint16_t syn_window_ = 0;  // the opener's
  bool answered_ = false;
  bool scaled_ = false;
  bool reset_ = false;
};

}  // namespace
}  // namespace outrigger::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  if (in.ConsumeBool()) {
    outrigger::engine::random_segments(in);
  } else {
    outrigger::engine::Exchange(in).run();
  }
  return 0;
}
