// Whatever the bytes, a line is a record or is refused; a record has one JSON form.
#include <cstdlib>

#include "base/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger;
  const auto record = record_from_json({reinterpret_cast<const char*>(data), size});
  if (!record.ok()) return 0;
  const std::string line = to_json(*record);
  const auto again = record_from_json(line);
  if (!again.ok() || to_json(*again) != line || line.find('\n') != std::string::npos) std::abort();
  return 0;
}
