#include "manifest/spot.h"

#include <algorithm>

#include "manifest/syntax.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

// A key of more than a word is quoted, so that the path stays readable.
void append_key(std::string& path, std::string_view key) {
  if (key.find_first_of(".[]\" \n") == key.npos && !key.empty() && key.size() <= 80) {
    append(path, path.empty() ? "" : ".", key);
  } else {
    std::string shown(key.substr(0, 80));
    std::replace(shown.begin(), shown.end(), '\n', ' ');
    append(path, "[\"", shown, "\"]");
  }
}

std::string unknown_field(std::string_view key, Map::Known known) {
  const std::string_view meant = nearest(key, known);
  if (!meant.empty()) return cat("unknown field; did you mean \"", meant, "\"?");
  return cat("unknown field; known here: ", join(known, ", "));
}

}  // namespace

std::string Spot::path() const {
  if (parent_ == nullptr) return "";
  std::string path = parent_->path();
  if (index_ >= 0) {
    append(path, "[", index_, "]");
  } else {
    append_key(path, key_);
  }
  return path;
}

void Spot::fault_at(int line, std::string_view key, std::string problem) const {
  std::string where = path();
  if (!key.empty()) append_key(where, key);
  report_->faults.push_back({{report_->file, line}, report_->object, std::move(where), std::move(problem)});
}

Map::Map(const Spot& at) {
  if (at.is_map()) {
    at_ = &at;
  } else {
    at.fault("must be a mapping");
  }
}

Map::Map(const Spot& at, Known known) : Map(at) {
  if (!valid()) return;
  for (const YamlField& field : at.value().fields) {
    if (std::find(known.begin(), known.end(), field.key) == known.end()) {
      at.fault_at(field.line, field.key.empty() ? "\"\"" : field.key, unknown_field(field.key, known));
    }
  }
}

std::optional<Spot> Map::get(std::string_view key) const {
  if (!valid()) return std::nullopt;
  const YamlField* field = at_->value().find(key);
  if (field == nullptr || field->value.type == Yaml::Type::kNull) return std::nullopt;
  return at_->field(field->key, field->value);
}

std::optional<Spot> Map::need(std::string_view key) const {
  std::optional<Spot> found = get(key);
  if (!found && valid()) {
    const YamlField* field = at_->value().find(key);
    at_->fault_at(field != nullptr ? field->line : at_->value().line, key, "missing");
  }
  return found;
}

bool check_list(const Spot& at, size_t most) {
  if (at.value().type != Yaml::Type::kList) {
    at.fault("must be a list");
    return false;
  }
  const size_t size = at.value().items.size();
  if (size <= most) return true;
  at.fault(cat("has ", size, " entries, must have at most ", most));
  return false;
}

}  // namespace outrigger::manifest
