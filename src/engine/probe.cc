// Frames of the control thread's own, through the same parse, sessions and services as anyone's.
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/dpdk_engine.h"

namespace outrigger::engine {

namespace {

constexpr size_t kLate = 64;  // frames kept for who asks again

// In the byte order of whoever wrote it there, or in the network's.
bool bears(std::span<const uint8_t> frame, uint64_t mark) {
  for (const uint64_t word : {mark, __builtin_bswap64(mark)}) {
    std::array<uint8_t, 8> bytes;
    std::memcpy(bytes.data(), &word, 8);
    if (std::search(frame.begin(), frame.end(), bytes.begin(), bytes.end()) != frame.end()) return true;
  }
  return false;
}

// The reason that was counted meanwhile, if it was one only.
Drop moved(const std::vector<uint64_t>& before, const std::vector<uint64_t>& after) {
  Drop found = Drop::kNone;
  for (size_t i = 1; i < after.size(); ++i) {
    if (after[i] == before[i]) continue;
    if (found != Drop::kNone) return Drop::kNone;
    found = static_cast<Drop>(i);
  }
  return found;
}

}  // namespace

absl::StatusOr<Echo> DpdkEngine::probe(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                                       unsigned timeout_ms) {
  if (!active()) return absl::FailedPreconditionError("only the engine that has the queues can be probed");
  const auto found = ports_->all().find(port.value());
  if (found == ports_->all().end() || !found->second.probe)
    return absl::InvalidArgumentError(absl::StrCat("port ", port.value(), " is no probe port"));
  const std::vector<uint64_t> before = drops();
  const uint64_t start = rte_rdtsc();
  if (auto echo = late_echo(mark)) return *std::move(echo);
  if (!frame.empty()) {
    if (absl::Status status = inject(port, frame); !status.ok()) return status;
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    while (auto echo = next_echo(mark, start)) {
      if (echo->arrived) return *std::move(echo);
      late_.push_back(*std::move(echo));
      if (late_.size() > kLate) late_.pop_front();
    }
    if (std::chrono::steady_clock::now() >= end) return Echo{.drop = moved(before, drops())};
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

// What came while somebody else was waiting.
std::optional<Echo> DpdkEngine::late_echo(uint64_t mark) {
  const auto found =
      std::find_if(late_.begin(), late_.end(), [mark](const Echo& one) { return bears(one.frame, mark); });
  if (found == late_.end()) return std::nullopt;
  Echo echo = std::move(*found);
  late_.erase(found);
  echo.arrived = true;
  return echo;
}

absl::Status DpdkEngine::inject(PortId port, std::span<const uint8_t> frame) {
  if (frame.empty() || frame.size() > kBufferRoom)
    return absl::InvalidArgumentError(absl::StrCat("a probe of ", frame.size(), " bytes fits no buffer"));
  if (shared_.arrivals[port.value() % options_.workers]->put(frame, place(port, kNoTunnel)))
    return absl::OkStatus();
  return absl::UnavailableError("probes wait in front of a worker that takes none");
}

// The next frame that left by a probe port; it has arrived when it bears the mark.
std::optional<Echo> DpdkEngine::next_echo(uint64_t mark, uint64_t since) {
  Letter* const letter = shared_.from_probes.take();
  if (letter == nullptr) return std::nullopt;
  Echo echo{.port = port_of(letter->from)};
  echo.frame.assign(letter->frame().begin(), letter->frame().end());
  echo.arrived = bears(echo.frame, mark);
  if (letter->number > since) {
    echo.nanoseconds = static_cast<uint64_t>(static_cast<double>(letter->number - since) * 1e9 /
                                             static_cast<double>(rte_get_tsc_hz()));
  }
  shared_.from_probes.give_back(letter);
  return echo;
}

}  // namespace outrigger::engine
