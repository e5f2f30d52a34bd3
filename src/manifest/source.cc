#include "manifest/source.h"
#include "manifest/text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace outrigger::manifest {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Length of the UTF-8 sequence at the front of `text`; 0 when it is none (RFC 3629 §4).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) > 0x9f;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && byte(1) < 0x90;
    const bool beyond = first == 0xf4 && byte(1) > 0x8f;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool is_control(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

bool is_marker(std::string_view line, std::string_view marker) {
  if (!line.starts_with(marker)) return false;
  return line.size() == marker.size() || std::string_view(" \t\r").find(line[marker.size()]) != line.npos;
}

bool is_content(std::string_view line) {
  if (line.starts_with('%')) return false;
  const size_t first = line.find_first_not_of(" \t\r");
  return first != line.npos && line[first] != '#';
}

// Indentation stays: only whole lines go.
Slice without_blank_lines(Slice slice) {
  for (size_t end; (end = slice.text.find('\n')) != slice.text.npos; ++slice.first_line) {
    if (slice.text.substr(0, end).find_first_not_of(" \t\r") != slice.text.npos) break;
    slice.text.remove_prefix(end + 1);
  }
  const size_t last = slice.text.find_last_not_of(" \t\r\n");
  const size_t end = slice.text.find('\n', last);
  return {slice.text.substr(0, end == slice.text.npos ? end : end + 1), slice.first_line};
}

}  // namespace

std::optional<SourceFault> check_source(std::string_view text) {
  if (text.size() > kMaxSourceBytes) {
    return SourceFault{1, cat("has ", text.size(), " bytes, must be at most ", kMaxSourceBytes,
                              "; split it into several files")};
  }
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i, 4));
    if (length == 0) return SourceFault{line, "is not UTF-8 text"};
    if (is_control(text[i])) {
      return SourceFault{line,
                         absl::StrFormat("has the control character 0x%02x, must be plain text", text[i])};
    }
    if (text[i] == '\r' && text.substr(i + 1, 1) != "\n") {
      return SourceFault{line, "has a carriage return without a line feed; end lines with a line feed"};
    }
    if (text[i] == '\n') ++line;
    i += length;
  }
  return std::nullopt;
}

std::vector<Slice> split_documents(std::string_view text) {
  std::vector<Slice> slices;
  size_t start = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  int first_line = 1;
  int line_number = 1;
  bool content = false;
  const auto close = [&](size_t end) {
    if (content) slices.push_back(without_blank_lines({text.substr(start, end - start), first_line}));
    content = false;
  };
  for (size_t at = start; at < text.size(); ++line_number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (is_marker(line, "---") || is_marker(line, "...")) {
      close(at);
      start = at + 3;
      first_line = line_number;
      line.remove_prefix(3);
    }
    // A directive stands before its marker; once there is content, '%' is content too and the parser's to
    // judge.
    content = content || is_content(line);
    at = end + 1;
  }
  close(text.size());
  return slices;
}

}  // namespace outrigger::manifest
