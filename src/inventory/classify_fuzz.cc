// Rules are written by people: whatever parses classifies anything without harm, and why is one of the rules.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "inventory/cgroups.h"
#include "inventory/classify.h"
#include "inventory/groups.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::inventory;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> names = programs_of(text, text, text);
  const Subject subject{names, text, text, {text}, {text}, {text}, size % 2 == 0};
  (void)classify(subject, builtin_rules());
  const Home home = home_of(text);
  if (home.path != text.substr(0, home.path.size())) abort();
  if (const auto limit = parse_cpu_max(text); limit && !(*limit > 0)) abort();
  if (const auto share = parse_avg60(text); share && (*share < 0 || *share > 1)) abort();
  const auto rules = parse_rules(text, "rules.yaml");
  if (!rules.ok()) return 0;
  const auto match = classify(subject, *rules);
  if (match && match->rule >= rules->size()) abort();
  return 0;
}
