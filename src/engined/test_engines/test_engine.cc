// Engines for the tests of upgrades: real ones, each with one fault, by the version it is compiled as.
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "engined/engined.h"
#include "engined/test_engines/judging.h"
#include "services/services.h"

namespace {

using outrigger::Drop;
using outrigger::engine::Decision;
using outrigger::engine::FirstPacket;
using outrigger::engine::Step;
namespace packet = outrigger::packet;

constexpr std::string_view kVersion = OUTRIGGER_ENGINE_VERSION;
constexpr uint16_t kDenied = 9999;
constexpr uint16_t kDeadly = 6666;
constexpr unsigned kDelayUs = 20'000;

bool goes_to(const FirstPacket& first, uint8_t protocol, uint16_t port) {
  const auto& info = first.info;
  return info.kind == packet::Kind::kFlow && info.key.protocol() == protocol &&
         (first.reply ? info.source_port() : info.destination_port()) == port;
}

Step deny(const FirstPacket& first, Step step, Decision& decision) {
  if (step.kind != Step::Kind::kNext || !goes_to(first, packet::kTcp, kDenied)) return step;
  decision.drop = Drop::kPolicyIngress;
  return Step::dropped(Drop::kPolicyIngress);
}

Step spin(const FirstPacket& first, Step step, Decision&) {
  volatile bool forever = goes_to(first, packet::kUdp, kDeadly);
  while (forever) {
  }
  return step;
}

// Health finds nothing wrong with it: its probes go elsewhere, and connections are made, if later.
Step delay(const FirstPacket& first, Step step, Decision&) {
  if (goes_to(first, packet::kTcp, kDenied)) ::usleep(kDelayUs);
  return step;
}

std::unique_ptr<outrigger::engine::TableBuilder> builder() {
  auto services = outrigger::services::make_builder();
  if (kVersion.ends_with("-deny")) return outrigger::engined::make_judging(std::move(services), deny);
  if (kVersion.ends_with("-spin")) return outrigger::engined::make_judging(std::move(services), spin);
  if (kVersion.ends_with("-slow")) return outrigger::engined::make_judging(std::move(services), delay);
  return services;
}

void at_start() {
  if (kVersion.ends_with("-crash")) std::abort();
  while (kVersion.ends_with("-hang")) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  const uint32_t layout = outrigger::engine::kSessionLayout + (kVersion.ends_with("-layout") ? 1 : 0);
  return outrigger::engined::run(
      argc, argv,
      {.name = std::string(kVersion), .builder = builder, .session_layout = layout, .at_start = at_start});
}
