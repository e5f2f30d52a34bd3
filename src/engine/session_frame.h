// A smallest first packet of a session, made anew from its key, so that another engine can be asked about it.
#pragma once

#include <array>
#include <span>

#include "engine/actions.h"
#include "engine/session.h"
#include "packet/packet_info.h"

namespace outrigger::engine {

class SessionFrame {
 public:
  // In the opener's direction.  False when the session does not tell enough: opened from a tunnel, denied, or
  // to an endpoint whose MAC is not known.
  bool build(const Session& session, const Actions& actions);
  [[nodiscard]] const packet::PacketInfo& info() const { return info_; }
  [[nodiscard]] std::span<const uint8_t> frame() const { return {bytes_.data(), length_}; }

 private:
  std::array<uint8_t, 128> bytes_;
  size_t length_ = 0;
  packet::PacketInfo info_;
};

}  // namespace outrigger::engine
