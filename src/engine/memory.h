// Memory for sessions: huge pages when there are any, since a dependent load in 4 KiB pages costs three times
// as much.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"

namespace outrigger::engine {

// Zeroed, page-aligned, unmapped with the object.
class Memory {
 public:
  // `huge`: from reserved 2 MiB pages, ResourceExhausted when there are too few; otherwise ordinary pages,
  // with transparent huge pages where the kernel grants them.
  static absl::StatusOr<Memory> map(size_t bytes, bool huge);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit Memory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace outrigger::engine
