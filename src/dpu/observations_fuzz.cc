// A host that says anything at all: bounds hold, and what was taken can be read again.
#include <cstdint>
#include <cstdlib>

#include "dpu/observations.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::agent;
  static const absl::Time now = absl::FromUnixSeconds(1'000'000);
  const Observations::Limits limits{.windows = 50, .bytes = 64 << 10};
  Observations kept(limits, {[] { return now; }, [] { return int64_t{1} << 40; }});
  outrigger::v1::ReportWindowsRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  const auto first = kept.take(request);
  request.set_after(first.ok() ? *first : 0);
  (void)kept.take(request);
  const auto figures = kept.figures();
  if (figures.windows > limits.windows || figures.bytes > limits.bytes) abort();
  const Measured all = kept.between(absl::InfinitePast(), absl::InfiniteFuture());
  if (all.windows.size() != figures.windows) abort();
  const auto again = from_note(to_note(all));
  if (!again.ok() || again->windows.size() != all.windows.size()) abort();
  for (size_t i = 0; i < all.windows.size(); ++i) {
    if (!(again->windows[i].latency == all.windows[i].latency)) abort();
  }
  return 0;
}
