// Raw frames of a guest's device, as a hostile guest would send them and as its victim would see them.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/place.h"
#include "base/descriptor.h"

namespace outrigger::audit {

using Frame = std::vector<uint8_t>;
using Milliseconds = std::chrono::milliseconds;

class Wire {
 public:
  static absl::StatusOr<Wire> open(const Guest& guest);

  // False when the device takes it not.  The kernel may hold a frame back for a moment: that is waited for.
  [[nodiscard]] bool send(std::span<const uint8_t> frame) const;
  // Forgets what has arrived.
  void clear() const;
  // The first of `patterns` that some frame which arrives within `patience` contains; -1: none does.
  [[nodiscard]] int first_of(std::span<const Frame> patterns, Milliseconds patience) const;

 private:
  explicit Wire(Descriptor socket) : socket_(std::move(socket)) {}
  Descriptor socket_;
};

bool contains(std::span<const uint8_t> frame, std::span<const uint8_t> pattern);

}  // namespace outrigger::audit
