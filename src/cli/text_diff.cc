#include "cli/text_diff.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::cli {

namespace {

constexpr size_t kContext = 3;
constexpr size_t kMaxCells = 4u << 20;  // of the table below; longer texts are shown as replaced whole

struct Line {
  char mark;  // ' ', '-' or '+'
  std::string_view text;
};

std::vector<std::string_view> split(std::string_view text) {
  if (text.empty()) return {};
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::string_view> lines;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Longest common subsequence by the textbook table, from the back, so that the walk goes forward.
std::vector<Line> align(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  std::vector<Line> lines;
  if ((a.size() + 1) * (b.size() + 1) > kMaxCells) {
    for (const auto& line : a) lines.push_back({'-', line});
    for (const auto& line : b) lines.push_back({'+', line});
    return lines;
  }
  const size_t width = b.size() + 1;
  std::vector<uint32_t> common((a.size() + 1) * width);
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      common[i * width + j] = a[i] == b[j] ? common[(i + 1) * width + j + 1] + 1
                                           : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      lines.push_back({' ', a[i++]});
      ++j;
    } else if (i < a.size() && (j == b.size() || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      lines.push_back({'-', a[i++]});
    } else {
      lines.push_back({'+', b[j++]});
    }
  }
  return lines;
}

// The lines within kContext of a change.
std::vector<bool> shown(const std::vector<Line>& lines) {
  std::vector<bool> keep(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].mark == ' ') continue;
    const size_t last = std::min(lines.size() - 1, i + kContext);
    for (size_t k = i - std::min(i, kContext); k <= last; ++k) keep[k] = true;
  }
  return keep;
}

}  // namespace

std::string unified_diff(const std::string& before, const std::string& after) {
  const std::vector<Line> lines = align(split(before), split(after));
  const std::vector<bool> keep = shown(lines);
  std::string out;
  size_t from = 1;
  size_t to = 1;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (keep[i]) {
      if (i == 0 || !keep[i - 1]) absl::StrAppend(&out, "@@ -", from, " +", to, " @@\n");
      out.append(1, lines[i].mark).append(lines[i].text).append(1, '\n');
    }
    if (lines[i].mark != '+') ++from;
    if (lines[i].mark != '-') ++to;
  }
  return out;
}

}  // namespace outrigger::cli
