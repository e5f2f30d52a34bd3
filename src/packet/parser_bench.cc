// Nanoseconds a packet, over a burst's worth of different flows in both directions, frames warm in the cache.
// Build with -DOUTRIGGER_BENCH=ON; run with --benchmark_repetitions=9 for median and spread.
#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "packet/builder.h"
#include "packet/parse_inline.h"

namespace outrigger::packet {
namespace {

constexpr size_t kFlows = 256;
using Frame = std::vector<uint8_t>;
enum class Wrap : uint8_t { kNone, kVxlan, kGeneve };

IpAddress address(bool ipv6, uint32_t host) {
  return ipv6 ? IpAddress{0xfd00'0001'0000'0000, host} : IpAddress::v4(0x0a000000 | host);
}

// Flow `i`, from and to addresses whose order is not predictable.
Frame make_frame(uint32_t i, uint8_t protocol, bool ipv6, Wrap wrap) {
  std::array<uint8_t, 256> buffer;
  Builder builder(buffer);
  const uint32_t from = i * 2654435761u >> 8, to = (i + 77) * 2246822519u >> 8;
  if (wrap != Wrap::kNone) {
    builder.ethernet({}, {})
        .ip(address(false, from), address(false, to))
        .udp(50000, wrap == Wrap::kVxlan ? 4789 : 6081);
    wrap == Wrap::kVxlan ? builder.vxlan(Vni(i)) : builder.geneve(Vni(i));
  }
  builder.ethernet({}, {}).ip(address(ipv6, from), address(ipv6, to));
  const auto port = static_cast<uint16_t>(from);
  protocol == kTcp ? builder.tcp(port, 443, kAck) : builder.udp(port, 53).zeros(12);
  const size_t length = builder.finish();
  return {buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(length)};
}

std::vector<Frame> make_frames(uint8_t protocol, bool ipv6, Wrap wrap = Wrap::kNone) {
  std::vector<Frame> frames;
  for (uint32_t i = 0; i < kFlows; ++i) frames.push_back(make_frame(i, protocol, ipv6, wrap));
  return frames;
}

// `read` turns one frame into one result, 32 at a time, as the engine's loop does.
template <typename Result, typename Read>
void measure(benchmark::State& state, const std::vector<Frame>& frames, Read read) {
  std::array<Result, 32> results;
  size_t at = 0;
  for (auto _ : state) {
    for (Result& result : results) read(frames[at++ % kFlows], result);
    benchmark::DoNotOptimize(results);
    benchmark::ClobberMemory();
  }
  state.counters["per_packet"] =
      benchmark::Counter(static_cast<double>(state.iterations() * results.size()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

template <uint8_t kProtocol, bool kIpv6>
void inlined(benchmark::State& state) {
  measure<PacketInfo>(state, make_frames(kProtocol, kIpv6),
                      [](const Frame& frame, PacketInfo& info) { parse_inline(frame, Vni(7), info); });
}

template <uint8_t kProtocol, bool kIpv6>
void complete(benchmark::State& state) {
  measure<PacketInfo>(state, make_frames(kProtocol, kIpv6),
                      [](const Frame& frame, PacketInfo& info) { parse_complete(frame, Vni(7), info); });
}

template <Wrap kWrap>
void tunnel(benchmark::State& state) {
  measure<TunnelInfo>(state, make_frames(kUdp, false, kWrap),
                      [](const Frame& frame, TunnelInfo& info) { info = parse_tunnel(frame); });
}

void hash_only(benchmark::State& state) {
  std::array<FlowKey, 32> keys;
  for (uint32_t i = 0; i < keys.size(); ++i) keys[i] = {address(false, i), address(false, i * 7), 1, 2, 6};
  for (auto _ : state) {
    benchmark::DoNotOptimize(keys);
    uint32_t all = 0;
    for (const FlowKey& key : keys) all ^= hash(key);
    benchmark::DoNotOptimize(all);
  }
  state.counters["per_packet"] =
      benchmark::Counter(static_cast<double>(state.iterations() * keys.size()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK(inlined<kUdp, false>)->Name("parse_inline/ipv4_udp_64");
BENCHMARK(inlined<kTcp, false>)->Name("parse_inline/ipv4_tcp");
BENCHMARK(inlined<kTcp, true>)->Name("parse_inline/ipv6_tcp");
BENCHMARK(complete<kUdp, false>)->Name("parse_complete/ipv4_udp_64");
BENCHMARK(complete<kTcp, false>)->Name("parse_complete/ipv4_tcp");
BENCHMARK(tunnel<Wrap::kVxlan>)->Name("parse_tunnel/vxlan");
BENCHMARK(tunnel<Wrap::kGeneve>)->Name("parse_tunnel/geneve");
BENCHMARK(hash_only)->Name("hash");

}  // namespace
}  // namespace outrigger::packet
