#include "host/intervals.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace outrigger::host {
namespace {

constexpr IpAddress kFirst{0, 0}, kLast{~0ULL, ~0ULL};
constexpr Interval kV4{IpAddress::v4(0), IpAddress::v4(0xffffffff)};

IpAddress after(IpAddress address) {
  if (++address.lo == 0) ++address.hi;
  return address;
}

IpAddress before(IpAddress address) {
  if (address.lo-- == 0) --address.hi;
  return address;
}

std::string raw(const IpAddress& address) {
  if (address.is_v4()) return absl::StrFormat("0x%08x", address.v4_value());
  return absl::StrFormat("0x%016x%016x", address.hi, address.lo);
}

}  // namespace

Interval interval(const IpPrefix& prefix) {
  IpAddress last = prefix.address;
  if (prefix.length < 64) {
    last.hi |= prefix.length == 0 ? ~0ULL : ~0ULL >> prefix.length;
    last.lo = ~0ULL;
  } else if (prefix.length < 128) {
    last.lo |= ~0ULL >> (prefix.length - 64);
  }
  return {prefix.address, last};
}

std::vector<Interval> merged(std::vector<Interval> all) {
  std::sort(all.begin(), all.end());
  std::vector<Interval> out;
  for (const Interval& next : all) {
    const bool joins = !out.empty() && (out.back().last == kLast || next.first <= after(out.back().last));
    if (joins) {
      out.back().last = std::max(out.back().last, next.last);
    } else {
      out.push_back(next);
    }
  }
  return out;
}

std::vector<Interval> minus(std::vector<Interval> from, std::vector<Interval> without) {
  without = merged(std::move(without));
  std::vector<Interval> out;
  for (Interval left : merged(std::move(from))) {
    bool whole = true;
    for (const Interval& hole : without) {
      if (hole.last < left.first) continue;
      if (left.last < hole.first) break;
      if (left.first < hole.first) out.push_back({left.first, before(hole.first)});
      whole = hole.last < left.last;
      if (!whole) break;
      left.first = after(hole.last);
    }
    if (whole) out.push_back(left);
  }
  return out;
}

std::vector<Interval> of_family(const std::vector<Interval>& all, bool v4) {
  if (!v4) return minus(all, {kV4});
  return minus(all, {{kFirst, before(kV4.first)}, {after(kV4.last), kLast}});
}

std::string text(const Interval& one) {
  return one.first == one.last ? one.first.str() : absl::StrCat(one.first.str(), "-", one.last.str());
}

std::string text(const std::vector<Interval>& intervals) {
  return absl::StrJoin(intervals, ", ",
                       [](std::string* out, const Interval& one) { absl::StrAppend(out, text(one)); });
}

std::string raw_text(const std::vector<Interval>& intervals) {
  return absl::StrJoin(intervals, ", ", [](std::string* out, const Interval& one) {
    absl::StrAppend(out, raw(one.first));
    if (one.first != one.last) absl::StrAppend(out, "-", raw(one.last));
  });
}

}  // namespace outrigger::host
