#include "chaos/silence.h"

#include <algorithm>

namespace outrigger::chaos {
namespace {

class Judge {
 public:
  Judge(std::span<const Nanoseconds> sent_at, Nanoseconds threshold)
      : sent_at_(sent_at), threshold_(threshold), seen_(sent_at.size()) {
    result_.sent = sent_at.size();
  }

  void arrived(const Arrival& arrival) {
    if (arrival.sequence >= seen_.size()) return;  // of an earlier run
    quiet_until(arrival.at, arrival.sequence);
    ++result_.received;
    if (seen_[arrival.sequence]) {
      ++result_.duplicates;
    } else if (arrival.sequence < next_) {
      ++result_.reordered;
      --result_.lost;
    }
    seen_[arrival.sequence] = true;
    last_ = std::max(last_, arrival.at);
    next_ = std::max(next_, arrival.sequence + 1);
  }

  Judgement done(Nanoseconds end) {
    quiet_until(end, sent_at_.size());
    return std::move(result_);
  }

 private:
  // From the first packet still owed; those between it and `sequence` are lost, as far as is known.
  void quiet_until(Nanoseconds now, uint64_t sequence) {
    const uint64_t lost = sequence > next_ ? sequence - next_ : 0;
    result_.lost += lost;
    if (next_ >= sent_at_.size()) return;
    const Nanoseconds began = std::max(last_, sent_at_[next_]);
    const Silence silence{began, now - began, lost};
    if (silence.length > result_.longest.length) result_.longest = silence;
    if (silence.length > threshold_) result_.silences.push_back(silence);
  }

  std::span<const Nanoseconds> sent_at_;
  Nanoseconds threshold_;
  std::vector<bool> seen_;
  uint64_t next_ = 0;  // first sequence number above all that have arrived
  Nanoseconds last_ = 0;
  Judgement result_;
};

}  // namespace

Judgement judge(std::span<const Nanoseconds> sent_at, std::span<const Arrival> arrivals,
                Nanoseconds threshold, Nanoseconds end) {
  Judge judge(sent_at, threshold);
  for (const Arrival& arrival : arrivals) judge.arrived(arrival);
  return judge.done(end);
}

}  // namespace outrigger::chaos
