// How long did the network owe a receiver something and give it nothing?  A gap between arrivals alone does
// not say it: a sender that was not scheduled makes gaps too.  So a silence begins when the first packet that
// has not arrived was sent, or at the last arrival if that was later, and ends with the next arrival.  While
// all is well it is the one-way delay; a blackout of 3 ms is a silence of 3 ms and that delay.  Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace outrigger::chaos {

using Nanoseconds = int64_t;  // of CLOCK_MONOTONIC

struct Arrival {
  uint64_t sequence = 0;
  Nanoseconds at = 0;
};

struct Silence {
  Nanoseconds began = 0;
  Nanoseconds length = 0;
  uint64_t lost = 0;  // sent in it, or before, and never seen
};

struct Judgement {
  uint64_t sent = 0, received = 0, lost = 0, duplicates = 0, reordered = 0;
  Silence longest;
  std::vector<Silence> silences;  // longer than the threshold, in time order
};

// `sent_at[sequence]` says when; arrivals in the order they came.  What was never followed by an arrival is a
// silence up to `end`.
Judgement judge(std::span<const Nanoseconds> sent_at, std::span<const Arrival> arrivals,
                Nanoseconds threshold, Nanoseconds end);

}  // namespace outrigger::chaos
