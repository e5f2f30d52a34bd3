// Whatever a segment file holds, a spool opens, reads each whole record once in ascending order, and can be
// written to; a second opening finds nothing torn that the first has cut.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/spool.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger;
  static const std::string folder = [] {
    std::string pattern = "/dev/shm/outrigger-fuzz-XXXXXX";
    return std::string(mkdtemp(pattern.data()));
  }();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/00000000000000000001.jsonl")
      .write(reinterpret_cast<const char*>(data), static_cast<long>(size));
  uint64_t written = 0;
  {
    auto spool = Spool::open(folder, {});
    if (!spool.ok()) std::abort();
    Record record{.time = absl::UnixEpoch(), .service = "fuzz", .message = "after"};
    if (!(*spool)->append(record)) return 0;  // a cursor at the end of the numbers
    written = record.cursor;
    uint64_t last = 0;
    SpoolReader reader(**spool, 0);
    while (const auto one = reader.next()) {
      if (one->cursor <= last) std::abort();
      last = one->cursor;
    }
    if (last != written && written != 0) std::abort();
  }
  auto again = Spool::open(folder, {});
  if (!again.ok() || ((*again)->figures().last_cursor != written && written != 0)) std::abort();
  std::filesystem::remove_all(folder);
  return 0;
}
