#include "dpu/health/probe_frames.h"

#include <array>
#include <atomic>
#include <random>

#include "base/bytes.h"
#include "packet/builder.h"

namespace outrigger::agent {

namespace {

constexpr uint8_t kEchoRequestV6 = 128;   // RFC 4443 §4.1
constexpr uint32_t kIdentifier = 0x4f55;  // "OU"

std::vector<uint8_t> finish(packet::Builder& builder, std::vector<uint8_t>& frame, uint64_t mark) {
  std::array<uint8_t, 8> bytes{};
  store_raw(bytes.data(), mark);
  builder.payload(bytes);
  frame.resize(builder.finish());
  return std::move(frame);
}

}  // namespace

std::vector<uint8_t> probe_frame(const compiler::ProbeEnd& from, const compiler::ProbeEnd& to,
                                 const ProbeFlow& flow, uint64_t mark) {
  std::vector<uint8_t> frame(128);
  packet::Builder builder(frame);
  builder.ethernet(to.mac, from.mac).ip(from.address, to.address);
  if (flow.protocol == packet::kTcp) {
    builder.tcp(flow.source_port, flow.destination_port, packet::kSyn, 1);
  } else {
    builder.udp(flow.source_port, flow.destination_port);
  }
  return finish(builder, frame, mark);
}

std::vector<uint8_t> echo_frame(const compiler::ProbeEnd& from, const compiler::ProbeEnd& to,
                                uint16_t sequence, uint64_t mark) {
  std::vector<uint8_t> frame(128);
  packet::Builder builder(frame);
  builder.ethernet(to.mac, from.mac).ip(from.address, to.address);
  builder.icmp(kEchoRequestV6, 0, kIdentifier << 16 | sequence);
  return finish(builder, frame, mark);
}

uint64_t next_mark() {
  static std::atomic<uint64_t> next{(uint64_t{std::random_device()()} << 32 | std::random_device()()) | 1};
  return next.fetch_add(0x9e3779b97f4a7c15);  // odd: every value once before any comes again
}

}  // namespace outrigger::agent
