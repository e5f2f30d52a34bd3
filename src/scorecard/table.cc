// The scorecard as text: what decided first, then section by section, every line fit for a terminal of 120
// columns or so.
#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "scorecard/scorecard.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

constexpr size_t kWide = 110;

size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(),
                                           [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? absl::StrCat(space, text) : absl::StrCat(text, space);
}

// Words folded at kWide, every line after the first indented.
std::string folded(const std::string& first, const std::string& text) {
  std::string out = first, indent(width_of(first), ' ');
  size_t column = indent.size();
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(plain(text), ' ', absl::SkipEmpty()))) {
    if (column + width_of(word) > kWide && column > indent.size()) {
      out.pop_back();
      absl::StrAppend(&out, "\n", indent);
      column = indent.size();
    }
    absl::StrAppend(&out, word, " ");
    column += width_of(word) + 1;
  }
  out.resize(out.find_last_not_of(' ') + 1);
  return absl::StrCat(out, "\n");
}

// Where the change lies between a quarter and four times: the interval as a line, the estimate as a dot, no
// change as a bar.  "  ├─●──┤ │      "
constexpr int kHalf = 8;
std::string picture(const Figure& figure) {
  if (!figure.log_change) return "";
  const auto column = [](double log_change) {
    return static_cast<size_t>(kHalf + std::clamp(std::lround(log_change / std::log(4.0) * kHalf),
                                                  -static_cast<long>(kHalf), static_cast<long>(kHalf)));
  };
  std::array<const char*, 2 * kHalf + 1> cells;
  cells.fill("·");
  for (size_t i = column(figure.log_change->low); i <= column(figure.log_change->high); ++i) cells[i] = "─";
  cells[kHalf] = "│";
  cells[column(figure.log_change->estimate)] = "●";
  std::string out;
  for (const char* cell : cells) out += cell;
  return out;
}

using Cells = std::array<std::string, 7>;
constexpr std::array<bool, 7> kRight = {false, true, true, true, false, false, false};

Cells row_of(const Figure& figure) {
  Cells cells = {plain(figure.title), amount(figure.before, figure.unit), amount(figure.after, figure.unit)};
  if (figure.log_change) {
    cells[3] = change(figure.log_change->estimate);
    cells[4] = range(*figure.log_change);
    cells[5] = picture(figure);
  }
  cells[6] = figure.judged;
  return cells;
}

std::string rows_of(const std::vector<Figure>& figures) {
  std::vector<Cells> rows = {
      {"", "BEFORE", "AFTER", "CHANGE", "95 % INTERVAL", "÷4      =      ×4", "JUDGED"}};
  for (const Figure& figure : figures) rows.push_back(row_of(figure));
  std::array<size_t, 7> widths{};
  for (const Cells& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  const bool changes =
      std::any_of(rows.begin() + 1, rows.end(), [](const Cells& row) { return !row[3].empty(); });
  std::string out;
  for (const Cells& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      if (!changes && i >= 3 && i <= 5) continue;
      absl::StrAppend(&line, i == 0 ? " " : "  ", padded(row[i], widths[i], kRight[i]));
    }
    line.resize(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

std::string text_of(const Section& section) {
  std::string out = absl::StrCat(
      "\n", section.title,
      section.name == "cost" ? "" : absl::StrCat(": ", std::string(name(section.verdict))), "\n");
  absl::StrAppend(&out, folded("  ", section.why));
  if (!section.figures.empty()) absl::StrAppend(&out, rows_of(section.figures));
  for (const std::string& line : section.lines) absl::StrAppend(&out, folded("  - ", line));
  return out;
}

// The reason of the whole is not told again for each.
std::string why_of(const ServiceVerdict& one, const Scorecard& card) {
  return absl::StrReplaceAll(one.why, {{card.why, "for the reason above"}});
}

}  // namespace

std::string to_table(const Scorecard& card) {
  std::string out = folded(absl::StrCat(std::string(name(card.verdict)), ": "), card.why);
  if (!card.services.empty()) absl::StrAppend(&out, "\nServices that moved\n");
  for (const ServiceVerdict& one : card.services)
    absl::StrAppend(&out, folded("  ", absl::StrCat(one.service, ": ", std::string(name(one.verdict)), "; ",
                                                    why_of(one, card))));
  for (const Section& section : card.sections) absl::StrAppend(&out, text_of(section));
  if (!card.limits.empty()) absl::StrAppend(&out, "\nWhat this does not say\n");
  for (const std::string& limit : card.limits) absl::StrAppend(&out, folded("  - ", limit));
  absl::StrAppend(&out, "\nMade of\n");
  for (const std::string& source : card.sources) absl::StrAppend(&out, "  ", plain(source), "\n");
  return out;
}

}  // namespace outrigger::scorecard
