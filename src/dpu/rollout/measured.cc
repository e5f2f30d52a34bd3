#include "dpu/rollout/measured.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::agent {

namespace {

constexpr char kNothing = '0', kDropped = '1', kIncident = '2', kBoth = '3';

char sign_of(const NodeSecond& second) {
  if (second.dropped) return second.incident ? kBoth : kDropped;
  return second.incident ? kIncident : kNothing;
}

}  // namespace

// The first line has a digit for each second, each of the others is a window: SENT FAILED SKETCH.
std::string to_note(const Measured& measured) {
  std::string note;
  for (const NodeSecond& second : measured.seconds) note.push_back(sign_of(second));
  for (const HostWindow& window : measured.windows)
    absl::StrAppend(&note, "\n", window.sent, " ", window.failed, " ", window.latency.text());
  return note;
}

absl::StatusOr<Measured> from_note(const std::string& note) {
  const auto wrong = [](const std::string& what) {
    return absl::DataLossError(absl::StrCat("what was measured before cannot be read: ", what));
  };
  const std::vector<std::string> lines = absl::StrSplit(note, '\n');
  Measured measured;
  for (const char sign : lines[0]) {
    if (sign < kNothing || sign > kBoth) return wrong("a second");
    measured.seconds.push_back({{}, sign == kDropped || sign == kBoth, sign == kIncident || sign == kBoth});
  }
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> words = absl::StrSplit(lines[i], absl::MaxSplits(' ', 2));
    HostWindow window;
    if (words.size() != 3 || !absl::SimpleAtoi(words[0], &window.sent) ||
        !absl::SimpleAtoi(words[1], &window.failed))
      return wrong(absl::StrCat("line ", i + 1));
    auto latency = stats::Sketch::parse(words[2]);
    if (!latency.ok()) return wrong(absl::StrCat("line ", i + 1));
    window.latency = *std::move(latency);
    measured.windows.push_back(std::move(window));
  }
  return measured;
}

}  // namespace outrigger::agent
