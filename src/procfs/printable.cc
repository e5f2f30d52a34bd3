#include "procfs/printable.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace outrigger::procfs {

namespace {

// Bytes of the code point that `text` begins with, and which; 0: none, or one that shows nothing or changes
// how the rest is shown.
size_t shown(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  uint32_t point = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return 0;
    point = point << 6 | (next & 0x3f);
  }
  const bool too_long = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool no_character =
      (point >= 0xd800 && point < 0xe000) || point > 0x10ffff || (point & 0xfffe) == 0xfffe;
  const bool control = point < 0xa0 || point == 0xfeff || (point >= 0x2028 && point <= 0x202e) ||
                       (point >= 0x200b && point <= 0x200f) || (point >= 0x2066 && point <= 0x2069);
  return too_long || no_character || control ? 0 : length;
}

}  // namespace

std::string printable(std::string_view text, size_t most) {
  std::string out;
  while (!text.empty()) {
    const size_t length = shown(text);
    const std::string next = length != 0 ? std::string(text.substr(0, length))
                                         : absl::StrFormat("\\x%02x", static_cast<uint8_t>(text[0]));
    if (out.size() + next.size() > most) return out + "...";
    out += next;
    text.remove_prefix(length != 0 ? length : 1);
  }
  return out;
}

}  // namespace outrigger::procfs
