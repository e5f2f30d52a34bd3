// Memory for a session table in tests, fuzzers and benchmarks: zeroed pages from the kernel, given back at
// the end.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <span>

namespace outrigger::engine {

class SessionMemory {
 public:
  // `huge`: asks for transparent huge pages, without which a large table measures page walks.
  explicit SessionMemory(size_t bytes, bool huge = false) : bytes_((bytes + kHuge - 1) / kHuge * kHuge) {
    base_ = mmap(nullptr, bytes_ + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) std::abort();
    const auto address = reinterpret_cast<uintptr_t>(base_);
    start_ = static_cast<std::byte*>(base_) + (kHuge - address % kHuge) % kHuge;
    if (huge) madvise(start_, bytes_, MADV_HUGEPAGE);
  }
  ~SessionMemory() { munmap(base_, bytes_ + kHuge); }
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  [[nodiscard]] std::span<std::byte> span() const { return {start_, bytes_}; }

 private:
  static constexpr size_t kHuge = size_t{2} << 20;
  size_t bytes_;
  void* base_;
  std::byte* start_;
};

}  // namespace outrigger::engine
