// Big arrays in 2 MiB pages where the system gives them: a lookup at random then misses the caches, not the
// TLB too.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace outrigger::policy {

template <typename T>
struct HugePages {
  using value_type = T;
  HugePages() = default;
  template <typename U>
  constexpr HugePages(const HugePages<U>& /*other*/) {}  // NOLINT: allocators convert

  static constexpr size_t kPage = size_t{2} << 20;
  static constexpr std::align_val_t alignment(size_t bytes) {
    return std::align_val_t{bytes >= kPage ? kPage : alignof(std::max_align_t)};
  }
  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    void* memory = ::operator new(bytes, alignment(bytes));
    if (bytes >= kPage) madvise(memory, bytes, MADV_HUGEPAGE);  // advice: nothing is lost when refused
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) { ::operator delete(memory, alignment(count * sizeof(T))); }
  friend bool operator==(const HugePages&, const HugePages&) { return true; }
};

}  // namespace outrigger::policy
