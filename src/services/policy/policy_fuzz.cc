// Any history of changes: see differential.h for what must hold.
#include "services/policy/differential.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  outrigger::policy::testing::Differential differential;
  const std::string broken = differential.run({data, size < 2000 ? size : 2000});
  if (!broken.empty()) {
    std::fprintf(stderr, "%s\n", broken.c_str());
    std::abort();
  }
  return 0;
}
