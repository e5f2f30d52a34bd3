// Whatever parses is written so that it parses again, to the same text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "offload/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::offload;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_rules(text, "rules.yaml");
  const auto inventory = parse_inventory(text, "inventory.yaml");
  if (!inventory.ok()) return 0;
  const std::string written = to_yaml(*inventory);
  const auto again = parse_inventory(written, "again.yaml");
  if (!again.ok() || to_yaml(*again) != written) abort();
  if (make_plan(*inventory, {}).placements.size() != inventory->services.size()) abort();
  return 0;
}
