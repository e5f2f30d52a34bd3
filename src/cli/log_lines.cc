#include "cli/log_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger::cli {

namespace {

constexpr const char* kPlain = "\x1b[0m";

const char* colour_of(const std::string& severity) {
  if (severity == "critical") return "\x1b[1;31m";
  if (severity == "error") return "\x1b[31m";
  if (severity == "warning") return "\x1b[33m";
  if (severity == "debug") return "\x1b[2m";
  return "";
}

const char* colour_of_state(const std::string& state) {
  if (state == "open") return "\x1b[31m";
  if (state == "recovering") return "\x1b[33m";
  return "";
}

std::string painted(const std::string& text, const char* colour, bool wanted) {
  return wanted && *colour != '\0' ? absl::StrCat(colour, text, kPlain) : text;
}

std::string padded(const std::string& text, size_t to) {
  return text.size() >= to ? text : absl::StrCat(text, std::string(to - text.size(), ' '));
}

std::string details(const v1::LogRecord& record) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : record.evidence()) parts.push_back(absl::StrCat(key, "=", value));
  std::ranges::sort(parts);
  std::string text;
  for (const std::string& part : parts) absl::StrAppend(&text, " ", part);
  return text;
}

void print_one(std::ostream& out, const v1::Incident& one, int deep, const LogStyle& style) {
  const std::string indent(static_cast<size_t>(deep) * 2, ' ');
  const bool coloured = style.colour;
  out << indent << one.id() << "  " << painted(one.state(), colour_of_state(one.state()), coloured)
      << "  domain " << one.domain() << "  " << one.kind() << " of " << harmless(one.service()) << ": "
      << harmless(one.summary()) << '\n';
  out << indent << "  began " << one.began()
      << (one.count() > 1 ? absl::StrCat(", ", one.count(), " times") : "")
      << (one.node().empty() ? "" : absl::StrCat(", node ", one.node())) << '\n';
  out << indent << "  detected in " << milliseconds(one.detect_ms()) << ", acted on in "
      << milliseconds(one.act_ms()) << ", recovered in " << milliseconds(one.recover_ms()) << '\n';
  if (!one.cause().empty() && deep == 0) out << indent << "  a consequence of " << one.cause() << '\n';
  for (const std::string& line : one.evidence()) out << indent << "  - " << harmless(line) << '\n';
}

}  // namespace

std::string harmless(const std::string& text) {
  std::string safe;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool high_control = byte == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 to U+009F
    if (byte == '\t') {
      safe.push_back(' ');
    } else if (byte < 0x20 || byte == 0x7f || high_control) {
      absl::StrAppendFormat(&safe, "\\x%02x", high_control ? next : byte);
      i += high_control ? 1 : 0;
    } else {
      safe.push_back(text[i]);
    }
  }
  return safe;
}

void print_log_heading(std::ostream& out, const LogStyle& style) {
  out << padded("TIME", 27) << "  " << (style.nodes ? "NODE      " : "")
      << "SIDE  DOMAIN       SERVICE     SEVERITY  INCIDENT  MESSAGE\n";
}

void print_log(std::ostream& out, const v1::LogRecord& record, const std::string& node,
               const LogStyle& style) {
  out << padded(record.time(), 27) << "  ";
  if (style.nodes) out << padded(node, 8) << "  ";
  out << padded(record.side(), 4) << "  " << padded(record.domain(), 11) << "  "
      << padded(harmless(record.service()), 10) << "  "
      << painted(padded(record.severity(), 8), colour_of(record.severity()), style.colour) << "  "
      << padded(record.incident().empty() ? "-" : record.incident(), 8) << "  "
      << painted(harmless(record.message()), colour_of(record.severity()), style.colour)
      << harmless(details(record)) << '\n';
}

std::string milliseconds(double value) {
  if (value < 0) return "-";
  if (value < 10) return absl::StrFormat("%.1f ms", value);
  if (value < 10'000) return absl::StrFormat("%.0f ms", value);
  return absl::StrFormat("%.1f s", value / 1000);
}

int depth(const v1::IncidentList& list, int index) {
  int deep = 0;
  std::string cause = list.incidents(index).cause();
  for (int i = index - 1; i >= 0; --i) {
    if (list.incidents(i).id() != cause) continue;
    cause = list.incidents(i).cause();
    ++deep;
  }
  return deep;
}

void print_incident_tree(std::ostream& out, const v1::IncidentList& list, const LogStyle& style) {
  for (int i = 0; i < list.incidents_size(); ++i) print_one(out, list.incidents(i), depth(list, i), style);
}

}  // namespace outrigger::cli
