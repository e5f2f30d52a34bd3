#include "scorecard/words.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger::scorecard {

namespace {

struct Symbol {
  char32_t code = 0;
  size_t length = 0;  // 0: no UTF-8
};

Symbol first_of(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = lead < 0x80   ? 1
                        : lead < 0xc2 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf5 ? 4
                                      : 0;
  if (length == 0 || length > text.size()) return {};
  char32_t code = length == 1 ? lead : lead & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < kSmallest[length] || surrogate || code > 0x10ffff ? Symbol{} : Symbol{code, length};
}

bool may_be_shown(char32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  const bool turns = code == 0x61c || code == 0x200e || code == 0x200f ||
                     (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !turns && code != 0x2028 && code != 0x2029 && code != 0xfeff;
}

constexpr double kTwice = 0.693147;
constexpr double kBeyond = 6.9;  // log of a thousand

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Symbol symbol = first_of(text);
    const size_t length = symbol.length == 0 ? 1 : symbol.length;
    if (symbol.length != 0 && may_be_shown(symbol.code)) {
      out.append(text.substr(0, length));
    } else {
      out.push_back('?');
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string number(double value) {
  const double size = std::abs(value);
  const bool whole = size < 1e6 && value == std::floor(value);
  if (size >= 99.95 || whole) return absl::StrFormat("%.0f", value);
  if (size >= 9.995) return absl::StrFormat("%.1f", value);
  if (size >= 0.9995) return absl::StrFormat("%.2f", value);
  if (size < 1e-4) return absl::StrFormat("%.2e", value);
  return absl::StrFormat("%.3g", value);
}

std::string amount(double value, std::string_view unit) {
  return unit.empty() ? number(value) : absl::StrCat(number(value), " ", std::string(unit));
}

std::string amount(const std::optional<double>& value, std::string_view unit) {
  return value ? amount(*value, unit) : "-";
}

std::string change(double log_change) {
  if (log_change > kBeyond) return ">×1000";
  if (log_change < -kBeyond) return ">÷1000";
  if (log_change >= kTwice) return absl::StrCat("×", number(std::exp(log_change)));
  if (log_change <= -kTwice) return absl::StrCat("÷", number(std::exp(-log_change)));
  return absl::StrFormat("%+.1f %%", 100 * std::expm1(log_change));
}

std::string range(const stats::Interval& interval) {
  return absl::StrCat(change(interval.low), " to ", change(interval.high));
}

std::string moved(const Figure& figure) {
  std::string out =
      absl::StrCat(figure.before ? number(*figure.before) : "-", " → ", amount(figure.after, figure.unit));
  if (figure.log_change)
    absl::StrAppend(&out, ", ", change(figure.log_change->estimate), " (", range(*figure.log_change), ")");
  return out;
}

}  // namespace outrigger::scorecard
