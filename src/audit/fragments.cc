// Ports are in the first eight bytes of a TCP header; whoever judges by them must not let a packet through of
// which it has not seen them, nor two that disagree (RFC 1858, RFC 3128).
#include <array>

#include "absl/strings/str_cat.h"
#include "audit/shots.h"
#include "base/bytes.h"
#include "packet/builder.h"
#include "packet/checksum.h"
#include "packet/packet_info.h"
#include "packet/wire.h"

namespace outrigger::audit {
namespace {

constexpr size_t kAt = packet::kEthernetHeader + packet::kIpv4Header;  // of the TCP header

// TCP SYN with the mark behind its header, whole.
Frame segment(const Range& range, uint16_t port, uint32_t mark) {
  std::array<uint8_t, 256> buffer;
  std::array<uint8_t, 24> payload{};
  for (size_t i = 0; i < payload.size(); i += 4) store_be32(&payload[i], mark + static_cast<uint32_t>(i));
  packet::Builder builder(buffer);
  builder.ethernet(range.hop, range.mac).ip(range.address, range.victim);
  builder.tcp(static_cast<uint16_t>(20000 + mark % 20000), port, packet::kSyn, mark).payload(payload);
  return {buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(builder.finish())};
}

struct Cut {
  uint16_t offset = 0, length = 0;  // of the IP payload; length 0: to its end
  bool more = false;
};

Shot piece(const Frame& whole, const Cut& cut, uint16_t id, const std::string& what) {
  Frame frame(whole.begin(), whole.begin() + kAt);
  const auto from = whole.begin() + static_cast<ptrdiff_t>(kAt + cut.offset);
  frame.insert(frame.end(), from, cut.length == 0 ? whole.end() : from + cut.length);
  uint8_t* ip = &frame[packet::kEthernetHeader];
  store_be16(ip + 2, static_cast<uint16_t>(frame.size() - packet::kEthernetHeader));
  store_be16(ip + 4, id);
  store_be16(ip + 6, static_cast<uint16_t>(cut.offset / 8 | (cut.more ? packet::kIpv4MoreFragments : 0)));
  store_raw<uint16_t>(ip + 10, 0);
  store_raw(ip + 10, static_cast<uint16_t>(~packet::fold(packet::sum({ip, packet::kIpv4Header}))));
  Frame proof(frame.begin() + kAt, frame.end());
  proof.resize(std::min<size_t>(proof.size(), 24));
  return {what, std::move(frame), std::move(proof)};
}

}  // namespace

std::vector<std::vector<Shot>> fragments(const Range& range, uint16_t denied, std::optional<uint16_t> open,
                                         uint32_t mark) {
  auto id = static_cast<uint16_t>(mark);
  const Frame tiny = segment(range, denied, mark + 100), tail = segment(range, denied, mark + 200);
  std::vector<std::vector<Shot>> volleys = {
      {piece(tiny, {0, 8, true}, ++id, "tiny first fragment"), piece(tiny, {8, 0, false}, id, "its rest")},
      {piece(tail, {24, 0, false}, ++id, "last fragment before the first"),
       piece(tail, {0, 24, true}, id, "its first")},
      {piece(tail, {16, 0, false}, ++id, "a fragment without its first")},
  };
  if (!open) return volleys;
  const Frame bait = segment(range, *open, mark + 300), hook = segment(range, denied, mark + 400);
  std::vector<Shot> overlapping = {piece(bait, {0, 24, true}, ++id, "bait"),
                                   piece(hook, {0, 24, true}, id, "overlap with another port"),
                                   piece(hook, {24, 0, false}, id, "the end of the other")};
  overlapping[0].proof.clear();  // policy lets it through, and with it what continues it
  overlapping[2].proof.clear();
  volleys.push_back(std::move(overlapping));
  return volleys;
}

}  // namespace outrigger::audit
