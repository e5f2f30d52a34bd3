#include "engine/memory.h"

#include <sys/mman.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::engine {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}

absl::StatusOr<Memory> Memory::map(size_t bytes, bool huge) {
  const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0);
  void* const at = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (at == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("sessions need ", rounded >> 20, " MiB",
                     huge ? " of huge pages; reserve more or start without" : ""));
  }
  if (!huge) (void)madvise(at, rounded, MADV_HUGEPAGE);
  return Memory({static_cast<std::byte*>(at), rounded});
}

Memory::~Memory() {
  if (!bytes_.empty()) (void)munmap(bytes_.data(), bytes_.size());
}

Memory::Memory(Memory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace outrigger::engine
