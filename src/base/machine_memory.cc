#include "base/machine_memory.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace outrigger {

namespace {

constexpr uint64_t kPageMib = 2;
constexpr uint64_t kSpareMib = 512;  // left to everybody else
constexpr uint64_t kMostTouched = 16 << 20;

}  // namespace

uint64_t free_huge_mib() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  uint64_t pages = 0;
  return file >> pages ? pages * kPageMib : 0;
}

uint64_t available_mib() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  uint64_t kib = 0;
  for (std::string rest; file >> name >> kib; std::getline(file, rest)) {
    if (name == "MemAvailable:") return kib >> 10;
  }
  return 0;
}

uint64_t obtainable_huge_mib() {
  const uint64_t available = available_mib();
  return free_huge_mib() + (available > kSpareMib ? available - kSpareMib : 0);
}

void touch_own_memory() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uint64_t start = 0, end = 0;
    char readable = '-', writable = '-';
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %c%c", &start, &end, &readable, &writable) != 4 ||
        readable != 'r' || end - start > kMostTouched)
      continue;
    (void)::madvise(reinterpret_cast<void*>(start), end - start,
                    writable == 'w' ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
  }
}

}  // namespace outrigger
