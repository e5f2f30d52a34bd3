// Address blocks with exceptions, as nftables takes them: disjoint ranges in order.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"

namespace outrigger::host {

struct Interval {
  IpAddress first, last;  // inclusive; of one family
  friend auto operator<=>(const Interval&, const Interval&) = default;
};

Interval interval(const IpPrefix& prefix);
// Sorted, overlapping and touching ones made one.
std::vector<Interval> merged(std::vector<Interval> all);
// `from` without anything in `without`; both may overlap in themselves.
std::vector<Interval> minus(std::vector<Interval> from, std::vector<Interval> without);
// IPv4 is ::ffff:0:0/96, everything else IPv6: a range that reaches over both is parted.
std::vector<Interval> of_family(const std::vector<Interval>& all, bool v4);

std::string text(const Interval& interval);                    // "10.0.0.1" or "10.0.0.0-10.0.0.255"
std::string text(const std::vector<Interval>& intervals);      // "a, b-c"
std::string raw_text(const std::vector<Interval>& intervals);  // the same in numbers: "0x0a000001-0x0a0000ff"

}  // namespace outrigger::host
