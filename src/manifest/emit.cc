#include "absl/strings/str_format.h"
#include "manifest/text.h"
#include "manifest/yaml.h"

namespace outrigger::manifest {
namespace {

// Double-quoted, so that no text can be read as anything else (YAML 1.2 §7.3.1).
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      append(out, "\\", std::string_view(&c, 1));
    } else if (c == '\n') {
      append(out, "\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

// Text that is the same without quotes, whatever stands around it.
bool is_bare(std::string_view text) {
  if (text.empty() || text == "null" || text == "Null" || text == "NULL") return false;
  for (const char c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '-' && c != '_' && c != '.' && c != '/') return false;
  }
  return text.front() != '-' && text.front() != '.';
}

std::string scalar(const Yaml& value) {
  if (value.type == Yaml::Type::kNull) return "null";
  // A plain scalar with signs in it (a time, "a: b" in a folded line) is text; quoting keeps that.
  const bool plain_number = value.text.size() > 1 && (value.text[0] == '-' || value.text[0] == '.') &&
                            is_bare(std::string_view(value.text).substr(1));
  if (value.type == Yaml::Type::kPlain && (is_bare(value.text) || plain_number)) return value.text;
  return in_quotes(value.text);
}

void emit(const Yaml& value, size_t indent, std::string& out);

// What follows "key:" or "-": on the same line when it is short, indented below when it is not.
void emit_below(const Yaml& value, size_t indent, std::string& out) {
  if (value.items.empty() && value.fields.empty()) {
    out.push_back(' ');
  } else {
    append(out, "\n", std::string(indent, ' '));
  }
  emit(value, indent, out);
}

void emit_fields(const Yaml& value, size_t indent, std::string& out) {
  for (size_t i = 0; i < value.fields.size(); ++i) {
    if (i > 0) out.append(indent, ' ');
    const YamlField& field = value.fields[i];
    // A key too long for "key:" is written "? key" (YAML 1.2 §8.2.2: an implicit key has at most 1024
    // characters).
    const std::string key = is_bare(field.key) ? field.key : in_quotes(field.key);
    if (key.size() > 1000) {
      append(out, "? ", key, "\n", std::string(indent, ' '), ":");
    } else {
      append(out, key, ":");
    }
    emit_below(field.value, indent + 2, out);
  }
}

void emit(const Yaml& value, size_t indent, std::string& out) {
  if (value.type == Yaml::Type::kMap && !value.fields.empty()) return emit_fields(value, indent, out);
  if (value.type == Yaml::Type::kList && !value.items.empty()) {
    for (size_t i = 0; i < value.items.size(); ++i) {
      if (i > 0) out.append(indent, ' ');
      out.push_back('-');
      const Yaml& item = value.items[i];
      const bool compact = item.type == Yaml::Type::kMap && !item.fields.empty();
      if (compact) out.push_back(' ');
      compact ? emit(item, indent + 2, out) : emit_below(item, indent + 2, out);
    }
    return;
  }
  if (value.type == Yaml::Type::kMap) {
    append(out, "{}\n");
  } else if (value.type == Yaml::Type::kList) {
    append(out, "[]\n");
  } else {
    append(out, scalar(value), "\n");
  }
}

}  // namespace

std::string emit_yaml(const Yaml& value) {
  std::string out;
  emit(value, 0, out);
  return out;
}

}  // namespace outrigger::manifest
