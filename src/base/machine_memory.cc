#include "base/machine_memory.h"

#include <fstream>
#include <string>

namespace outrigger {

namespace {

constexpr uint64_t kPageMib = 2;
constexpr uint64_t kSpareMib = 512;  // left to everybody else

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

}  // namespace outrigger
